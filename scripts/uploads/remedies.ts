/** What a storage's refusal, or its silence, means for whoever runs the sidecar, and how to mend it. */
import type { StorageConfig } from '../../src/config/config.ts';
import { type FailureFacts, StorageFailure } from '../../src/infra/object-storage/storage-failure.ts';
import { type Finding, unchecked, wrong } from './check.ts';
import { type Answer, NoAnswer, refusalIn } from './exchange.ts';

/** An error of a check, as a finding. @throws it again when it is a defect of ours */
export function explainFailure(error: unknown, config: StorageConfig): Finding {
  if (error instanceof StorageFailure) return explain(error, config);
  if (!(error instanceof NoAnswer)) throw error;
  return explainSilence(error.code, `${error.asked}: ${error.code ?? 'no answer'}`, '');
}

/** An answer to a request that ought to have succeeded. @param operation S3's name of it */
export const explainRefusal = (operation: string, answer: Answer, config: StorageConfig): Finding =>
  explain({ operation, httpStatus: answer.status, ...refusalIn(answer) }, config);

function explain(facts: FailureFacts, config: StorageConfig): Finding {
  const { httpStatus, code, region, operation } = facts;
  const seen = `${operation}: ${[httpStatus, code].filter((part) => part !== null).join(' ') || 'an answer that is none'}`;
  if (httpStatus === null) return explainSilence(code, seen, pathStyleHint(config));
  if (httpStatus === 429 || (httpStatus >= 500 && httpStatus !== 501))
    return unchecked(seen, 'The storage is busy or broken. Try again; its status page may know more.');
  if (region !== null && region !== config.region)
    return wrong(`${seen}: the bucket is in ${region}, S3_REGION is ${config.region}`, `S3_REGION=${region}`);
  if (code === 'InvalidAccessKeyId' && config.accessKeyId.startsWith('ASIA')) return wrong(seen, TEMPORARY);
  const remedy = REMEDIES[code ?? ''] ?? (code === null ? NOT_S3 : OTHER);
  return wrong(seen, remedy(facts));
}

/** Node's names for what is wrong with a chain of certificates, https://nodejs.org/api/tls.html#x509-certificate-error-codes. */
const CERTIFICATE = /CERT|SELF_SIGNED|ALTNAME|^UNABLE_TO_|^INVALID_(CA|PURPOSE)$/;
const NO_TLS = /^EPROTO$|^ERR_(SSL|TLS|OSSL)_/;

const pathStyleHint = ({ forcePathStyle, bucket }: StorageConfig) =>
  forcePathStyle
    ? ''
    : ` The bucket is taken for a host name (${bucket}.…): if the storage has none such, S3_FORCE_PATH_STYLE=true.`;

function explainSilence(code: string | null, seen: string, hint: string): Finding {
  if (code === null) return wrong(seen, `Is that host what the settings mean?${hint}`);
  if (code === 'ENOTFOUND')
    return wrong(`${seen}: there is no such host`, `Mend the host name in the settings.${hint}`);
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return wrong(
      `${seen}: the certificate is not valid today`,
      'Have it renewed where the storage runs; or set the clock of this machine (NTP).',
    );
  if (CERTIFICATE.test(code))
    return wrong(
      `${seen}: the certificate is not good for this host`,
      `Use the host name that is in the certificate, or name a file with its issuer in NODE_EXTRA_CA_CERTS.${hint}`,
    );
  if (NO_TLS.test(code))
    return wrong(
      `${seen}: no TLS comes about`,
      `Does it speak TLS there? Else http:// in the settings.${hint}`,
    );
  return unchecked(seen, `Does it run, and may this machine connect to it (host, port, firewall)?${hint}`);
}

type Remedy = (facts: FailureFacts) => string;

const REGION: Remedy = () =>
  'S3_REGION or S3_ENDPOINT is of another region than the bucket: take both from where the provider shows the bucket.';
const CLOCK: Remedy = () => 'Set the clock of this machine (NTP).';
const NOT_S3: Remedy = () =>
  'This is not how S3 refuses: does S3_ENDPOINT lead to the storage itself, not to a site or a CDN?';
/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids */
const TEMPORARY =
  'S3_ACCESS_KEY_ID is a temporary one (ASIA…), which is good for hours and only with a session token: give the sidecar a key of its own (AKIA…).';
const OTHER: Remedy = ({ code }) => `Look ${code} up in the provider's manual.`;
const ACL: Remedy = () =>
  'This bucket takes no ACLs: leave S3_UPLOAD_ACL empty and make the files public by a bucket policy or a CDN.';

/** What a key must be allowed for a call, where the call has another name. */
const PERMISSIONS: Readonly<Record<string, string>> = {
  GetObject: 's3:GetObject and s3:ListBucket',
  PutObject: 's3:PutObject, and s3:PutObjectAcl with S3_UPLOAD_ACL',
  UploadPart: 's3:PutObject',
  CreateMultipartUpload: 's3:PutObject, and s3:PutObjectAcl with S3_UPLOAD_ACL',
  CompleteMultipartUpload: 's3:PutObject',
  ListParts: 's3:ListMultipartUploadParts',
  ListObjectsV2: 's3:ListBucket',
  GetBucketCors: 's3:GetBucketCORS',
  PutBucketCors: 's3:PutBucketCORS',
  GetBucketLifecycleConfiguration: 's3:GetLifecycleConfiguration',
  PutBucketLifecycleConfiguration: 's3:PutLifecycleConfiguration',
};

const DENIED: Remedy = ({ operation }) =>
  `Allow the key ${PERMISSIONS[operation] ?? `s3:${operation}`} in this bucket.`;

const REMEDIES: Readonly<Record<string, Remedy>> = {
  AuthorizationHeaderMalformed: REGION,
  AuthorizationQueryParametersError: REGION,
  PermanentRedirect: REGION,
  TemporaryRedirect: REGION,
  IllegalLocationConstraintException: REGION,
  InvalidRegion: REGION,
  InvalidAccessKeyId: () =>
    'The storage does not know S3_ACCESS_KEY_ID: is it of this provider, and not revoked?',
  SignatureDoesNotMatch: () =>
    'S3_SECRET_ACCESS_KEY is not that of S3_ACCESS_KEY_ID; or S3_REGION is wrong; or something in front of the storage changes the Host header.',
  RequestTimeTooSkewed: CLOCK,
  RequestExpired: CLOCK,
  NoSuchBucket: () =>
    'There is no such bucket at this endpoint: mend S3_BUCKET or S3_ENDPOINT. Or the storage wants the bucket in the path: S3_FORCE_PATH_STYLE=true.',
  AccessDenied: DENIED,
  AccessControlListNotSupported: ACL,
  InvalidBucketAclWithObjectOwnership: ACL,
  NotImplemented: () =>
    'The storage has not what was asked for: leave S3_UPLOAD_ACL and S3_UPLOAD_CACHE_CONTROL empty and S3_UPLOAD_ONCE false, one by one.',
  MethodNotAllowed: NOT_S3,
  // The SDK's names for answers that name no code.
  NotFound: NOT_S3,
  Forbidden: NOT_S3,
};
