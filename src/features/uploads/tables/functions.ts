/**
 * What counts of a user's uploads, in the database, where all sidecars agree about it.
 *
 * The user's row in sidecar_upload_usage is what processes wait for each other at; each statement behind that lock sees what the
 * others have committed (READ COMMITTED; with another isolation level it fails instead of counting wrong). Its `bytes`
 * are those of every upload that is `ready`, or `issued` with `expires_at > swept_until`. So an upload whose URL has expired is
 * subtracted once, by whoever asks first, and the index on what is issued is read from `swept_until` on only.
 */

/** How long a URL that has expired may still be in use by a PUT that began before: its lifetime, at most this, seconds. */
export const LONGEST_GRACE_SECONDS = 3600;
/** After this an upload is looked at for the first time, should its client not say that it is done, seconds. */
export const FIRST_LOOK_SECONDS = 60;

/**
 * All of the files or none; the time is the moment at which it was the user's turn. For what is not beyond doubt, and for multiparts:
 * nearly everybody has a plain statement (issue-rows.ts).
 */
export const ISSUE_BODY = `
DECLARE
  usage sidecar_upload_usage;
  files_wanted integer := json_array_length(files);
  bytes_wanted bigint := (SELECT sum(size_bytes) FROM json_to_recordset(files) AS file (size_bytes bigint));
  bytes_swept bigint;
  settles timestamptz;
BEGIN
  SELECT * INTO usage FROM sidecar_upload_usage WHERE user_id = whose FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO sidecar_upload_usage (user_id) VALUES (whose) ON CONFLICT DO NOTHING;
    SELECT * INTO usage FROM sidecar_upload_usage WHERE user_id = whose FOR UPDATE;
  END IF;
  created_at := clock_timestamp();
  expires_at := created_at + make_interval(secs => url_seconds);
  settles := expires_at + make_interval(secs => least(url_seconds, ${LONGEST_GRACE_SECONDS}));

  -- One of the two tables has been restored without the other, or the clock has been set back: counted anew.
  IF usage.swept_until > created_at
     OR EXISTS (SELECT FROM sidecar_uploads AS upload WHERE upload.user_id = whose AND upload.number > usage.last_number) THEN
    usage.swept_until := created_at;
    SELECT greatest(usage.last_number, max(upload.number)),
           coalesce(sum(upload.size_bytes) FILTER (
             WHERE upload.status = 'ready' OR upload.status = 'issued' AND upload.expires_at > usage.swept_until), 0)
      INTO usage.last_number, usage.bytes
      FROM sidecar_uploads AS upload WHERE upload.user_id = whose;
  END IF;

  IF rate_per_minute > 0 THEN
    IF files_wanted > rate_per_minute THEN
      retry_after_seconds := 60;
    ELSE
      SELECT ceil(extract(epoch FROM upload.created_at + interval '1 minute' - sidecar_issue_uploads.created_at))
        INTO retry_after_seconds
        FROM sidecar_uploads AS upload
       WHERE upload.user_id = whose AND upload.number = usage.last_number + files_wanted - rate_per_minute
         AND upload.created_at > sidecar_issue_uploads.created_at - interval '1 minute'
         -- Not those of an hour that is to come again.
         AND upload.created_at <= sidecar_issue_uploads.created_at;
    END IF;
    IF retry_after_seconds IS NOT NULL THEN
      refusal := 'rate_limited';
      retry_after_seconds := greatest(1, least(60, retry_after_seconds));
      RETURN;
    END IF;
  END IF;

  IF quota_bytes > 0 AND usage.bytes + bytes_wanted > quota_bytes THEN
    SELECT coalesce(sum(upload.size_bytes), 0) INTO bytes_swept
      FROM sidecar_uploads AS upload
     WHERE upload.user_id = whose AND upload.status = 'issued'
       AND upload.expires_at > usage.swept_until AND upload.expires_at <= sidecar_issue_uploads.created_at;
    usage.bytes := usage.bytes - bytes_swept;
    usage.swept_until := greatest(usage.swept_until, created_at);
    IF usage.bytes + bytes_wanted > quota_bytes THEN
      refusal := 'quota_exceeded';
      SELECT ceil(extract(epoch FROM min(upload.expires_at) - sidecar_issue_uploads.created_at))
        INTO retry_after_seconds
        FROM sidecar_uploads AS upload
       WHERE upload.user_id = whose AND upload.status = 'issued' AND upload.expires_at > sidecar_issue_uploads.created_at;
      retry_after_seconds := greatest(1, coalesce(retry_after_seconds, 3600));
      files_wanted := 0;
      bytes_wanted := 0;
    END IF;
  END IF;

  IF refusal IS NULL THEN
    INSERT INTO sidecar_uploads (id, user_id, number, kind, filename, content_type, size_bytes, key, sha256,
                                 multipart_id, part_size, bucket, created_at, expires_at, settles_at, due_at)
    SELECT file.id, whose, usage.last_number + place, file.kind, file.filename, file.content_type,
           file.size_bytes, file.key, file.sha256, file.multipart_id,
           file.part_size, file.bucket, sidecar_issue_uploads.created_at, sidecar_issue_uploads.expires_at, settles,
           least(sidecar_issue_uploads.expires_at,
                 sidecar_issue_uploads.created_at + interval '${FIRST_LOOK_SECONDS} seconds')
      FROM ROWS FROM (json_to_recordset(files) AS (id uuid, kind text, filename text, content_type text, size_bytes bigint,
                                                   key text, sha256 text, multipart_id text, part_size bigint, bucket text))
             WITH ORDINALITY AS file (id, kind, filename, content_type, size_bytes, key, sha256, multipart_id, part_size, bucket, place);
  END IF;
  UPDATE sidecar_upload_usage
     SET last_number = usage.last_number + files_wanted, bytes = usage.bytes + bytes_wanted,
         swept_until = usage.swept_until
   WHERE user_id = whose;
END`;

/**
 * The row of the upload is locked before that of the user, as every change of an upload does it. No row of the result: there is
 * no such upload of `whose` (null: anybody).
 */
export const RENEW_BODY = `
DECLARE
  upload sidecar_uploads;
  usage sidecar_upload_usage;
BEGIN
  SELECT * INTO upload FROM sidecar_uploads
   WHERE sidecar_uploads.id = wanted AND (whose IS NULL OR user_id = whose) FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  id := upload.id;
  IF upload.status <> 'issued' OR upload.part_size IS NOT NULL THEN
    refusal := CASE WHEN upload.status = 'issued' THEN 'multipart' ELSE upload.status END;
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT * INTO usage FROM sidecar_upload_usage WHERE user_id = upload.user_id FOR UPDATE;
  expires_at := clock_timestamp() + make_interval(secs => url_seconds);

  IF quota_bytes > 0 AND upload.expires_at <= clock_timestamp() THEN
    IF upload.size_bytes + usage.bytes - (
         SELECT coalesce(sum(other.size_bytes), 0) FROM sidecar_uploads AS other
          WHERE other.user_id = upload.user_id AND other.status = 'issued'
            AND other.expires_at > usage.swept_until AND other.expires_at <= clock_timestamp()) > quota_bytes THEN
      refusal := 'quota_exceeded';
      retry_after_seconds := (
        SELECT greatest(1, coalesce(ceil(extract(epoch FROM min(other.expires_at) - clock_timestamp())), 3600))
          FROM sidecar_uploads AS other
         WHERE other.user_id = upload.user_id AND other.status = 'issued' AND other.expires_at > clock_timestamp());
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;

  UPDATE sidecar_uploads
     SET expires_at = greatest(upload.expires_at, sidecar_renew_upload.expires_at),
         settles_at = greatest(settles_at, sidecar_renew_upload.expires_at
                                           + make_interval(secs => least(url_seconds, ${LONGEST_GRACE_SECONDS})))
   WHERE sidecar_uploads.id = wanted;
  key := upload.key;
  content_type := upload.content_type;
  size_bytes := upload.size_bytes;
  sha256 := upload.sha256;
  RETURN NEXT;
END`;

/** Whatever happens to an upload, and whoever does it: what it counted before goes, what it counts now comes. */
export const KEEP_USAGE_BODY = `
BEGIN
  UPDATE sidecar_upload_usage AS usage
     SET bytes = bytes
         - CASE WHEN OLD.status = 'ready' OR OLD.status = 'issued' AND OLD.expires_at > usage.swept_until
                THEN OLD.size_bytes ELSE 0 END
         + CASE WHEN NEW.status = 'ready' OR NEW.status = 'issued' AND NEW.expires_at > usage.swept_until
                THEN NEW.size_bytes ELSE 0 END
   WHERE user_id = OLD.user_id;
  RETURN NULL;
END`;
