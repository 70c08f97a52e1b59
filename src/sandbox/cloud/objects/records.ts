import { z } from 'zod';

const wormSchema = z
  .object({
    id: z.string(),
    days: z.number(),
    /** Unlocked ones can be called off, and end by themselves after a day. */
    locked: z.boolean(),
    createdAt: z.number(),
  })
  .readonly();

export const bucketSchema = z
  .object({
    name: z.string(),
    region: z.string(),
    createdAt: z.number(),
    versioning: z.enum(['never', 'enabled', 'suspended']),
    worm: wormSchema.nullable(),
    encryption: z.enum(['AES256', 'KMS']).nullable(),
  })
  .readonly();
/** A bucket. It lives in one region, and its name is taken in all. */
export type Bucket = z.infer<typeof bucketSchema>;

const segmentSchema = z.object({ file: z.string(), size: z.number() }).readonly();
/** A file with some of an object's bytes. */
export type Segment = z.infer<typeof segmentSchema>;

const versionSchema = z
  .object({
    /** `null` where versioning is not on. */
    id: z.string(),
    deleteMarker: z.boolean(),
    segments: z.array(segmentSchema).readonly(),
    size: z.number(),
    /** Without its quotes. */
    etag: z.string(),
    /** Hex; null for what was uploaded in parts. */
    md5: z.string().nullable(),
    /** Unsigned decimal, of the bytes that came: damage does not change it. */
    crc64: z.string(),
    type: z.enum(['Normal', 'Multipart']),
    contentType: z.string(),
    /** What is sent back with it: `x-oss-meta-*`, encryption, `cache-control` and the like. */
    headers: z.record(z.string(), z.string()).readonly(),
    modifiedAt: z.number(),
  })
  .readonly();
/** A version of an object, or the mark of its deletion. Times are epoch ms. */
export type StoredVersion = z.infer<typeof versionSchema>;

export const keySchema = z
  .object({
    bucket: z.string(),
    key: z.string(),
    /** Newest first, never empty. */
    versions: z.array(versionSchema).readonly(),
  })
  .readonly();
/** All versions of one name. */
export type StoredKey = z.infer<typeof keySchema>;

const partSchema = z
  .object({
    number: z.number(),
    file: z.string(),
    size: z.number(),
    md5: z.string(),
    crc64: z.string(),
    modifiedAt: z.number(),
  })
  .readonly();
export type Part = z.infer<typeof partSchema>;

export const uploadSchema = z
  .object({
    bucket: z.string(),
    key: z.string(),
    id: z.string(),
    contentType: z.string(),
    headers: z.record(z.string(), z.string()).readonly(),
    initiatedAt: z.number(),
    /** By number. */
    parts: z.array(partSchema).readonly(),
  })
  .readonly();
/** An upload in parts that is under way. */
export type PartedUpload = z.infer<typeof uploadSchema>;
