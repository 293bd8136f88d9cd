/**
 * Durations of finished requests in buckets, in the form that prom-client's registry collects. Its own Histogram hashes
 * the labels of every observation, which was a twentieth of what a forwarded request costs (npm run bench -- --profile);
 * here an observation is a few look-ups and three additions, and the labels are put together when somebody scrapes.
 */

/** Upper bounds, seconds; the last bucket, +Inf, has none. */
const BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export interface ObservedRequest {
  readonly kind: string;
  readonly reason: string | undefined;
  readonly method: string;
  readonly route: string | undefined;
  readonly status: number;
  readonly durationMs: number;
}

interface Series {
  readonly labels: Readonly<Record<'kind' | 'reason' | 'method' | 'status' | 'route', string>>;
  /** Per bucket, not cumulative; one more than BOUNDS_S. */
  readonly counts: number[];
  sum: number;
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class RequestHistogram {
  readonly name = 'sidecar_request_duration_seconds';
  readonly help =
    'Time from the request head to the end of the response; its count is the number of requests';
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  /** By route, kind or reason (no two of these are the same word) and method; then by status class: all bounded. */
  readonly #series = new Map<string, Map<string, Map<string, Series[]>>>();

  observe({ kind, reason = '', method, route = '', status, durationMs }: ObservedRequest): void {
    const series = this.#seriesOf(route, kind, reason, method, Math.floor(status / 100));
    const seconds = durationMs / 1000;
    let bucket = 0;
    while (bucket < BOUNDS_S.length && seconds > (BOUNDS_S[bucket] as number)) bucket += 1;
    series.counts[bucket] = (series.counts[bucket] as number) + 1;
    series.sum += seconds;
  }

  #seriesOf(route: string, kind: string, reason: string, method: string, statusClass: number): Series {
    const why = reason || kind;
    const found = this.#series.get(route)?.get(why)?.get(method)?.[statusClass];
    if (found !== undefined) return found;
    // Methods are as many as clients care to invent.
    if (!METHODS.has(method) && method !== 'other')
      return this.#seriesOf(route, kind, reason, 'other', statusClass);
    const made: Series = {
      labels: { kind, reason, method, status: `${statusClass}xx`, route },
      counts: new Array<number>(BOUNDS_S.length + 1).fill(0),
      sum: 0,
    };
    const byKind = getOrMake(this.#series, route, () => new Map<string, Map<string, Series[]>>());
    const byMethod = getOrMake(byKind, why, () => new Map<string, Series[]>());
    getOrMake(byMethod, method, () => [])[statusClass] = made;
    return made;
  }

  /** What prom-client's registry asks of a metric. */
  async get() {
    const { name, help, type, aggregator } = this;
    const values: Sample[] = [];
    // Status classes begin at 1: the array has holes.
    for (const byKind of this.#series.values())
      for (const byMethod of byKind.values())
        for (const byClass of byMethod.values())
          for (const series of byClass) if (series !== undefined) values.push(...samplesOf(name, series));
    return { name, help, type, aggregator, values };
  }
}

/** Buckets are cumulative in the exposition format. */
function samplesOf(name: string, { labels, counts, sum }: Series): Sample[] {
  let count = 0;
  const samples = counts.map((inBucket, i): Sample => {
    count += inBucket;
    const le = i < BOUNDS_S.length ? String(BOUNDS_S[i]) : '+Inf';
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
  });
  return [
    ...samples,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
