/** The backend resets connections in the middle of a body (docs/forwarding.md, 14). */
import { type Drill, none, report, some } from '../drill.ts';
import { loadFor } from '../load.ts';
import { type Act, backendRequest, mixed } from '../requests.ts';
import { REASON, type Sample } from '../sample.ts';
import { startScene } from '../scene.ts';

const CUTS: readonly Act[] = ['cut-length', 'cut-chunked', 'cut-close'];
const CUT_SHARE = 4;
/** In one read and in many. */
const SIZES = [2_000, 400_000];

const wasToBeCut = ({ label }: Sample): boolean => label.startsWith('cut-');
const wasCut = (sample: Sample): boolean => wasToBeCut(sample) && sample.reason === REASON.cut;

export const resetMidBody: Drill = {
  name: 'reset-mid-body',
  summary: 'The backend resets every fourth response half way; no client may take it for a whole one.',
  async run({ seconds, backend: kind }) {
    await using scene = await startScene({ kind });
    const ordinary = mixed({ bytes: 2_000 });
    let turn = 0;
    const next = () => {
      turn += 1;
      if (turn % CUT_SHARE !== 0) return ordinary();
      const cut = turn / CUT_SHARE;
      const act = CUTS[cut % CUTS.length] ?? 'cut-length';
      return backendRequest(cut % 2 === 0 ? 'POST' : 'GET', { act, bytes: SIZES[cut % SIZES.length] ?? 0 });
    };
    const samples = await loadFor(seconds * 1000, {
      port: scene.sidecar.port,
      clients: 12,
      everyMs: 60,
      next,
    });
    const toBeCut = samples.filter(wasToBeCut);
    const whole = toBeCut.filter((s) => s.outcome === 'answered' || s.reason === REASON.wrongBody);
    const refusedOrdinary = samples.filter((s) => s.outcome === 'refused' && !wasToBeCut(s));
    return report({
      samples,
      doubledPosts: scene.backend.arrivals().doubledPosts,
      isIntended: wasCut,
      figures: [
        some('responses cut by the backend and therefore by the sidecar', toBeCut.filter(wasCut)),
        none('cut responses that looked whole', whole),
        none('other requests refused', refusedOrdinary),
      ],
    });
  },
};
