import { z } from 'zod';

const MIB = 1024 * 1024;
const MIB_DEFAULT = 256;
const MIB_MIN = 8;

/** The memory of what channels serve. */
export interface SnapshotConfig {
  readonly bytesMax: number;
  /** Whether a node that starts loads again what was fetched most. */
  readonly warmUp: boolean;
}

export const SNAPSHOT_VARIABLES = {
  SERVING_SNAPSHOT_MIB: {
    schema: z
      .string()
      .regex(/^\d{1,6}$/)
      .transform(Number)
      .refine((value) => value >= MIB_MIN),
    says: `must be a number of MiB from ${MIB_MIN}, for example ${MIB_DEFAULT}`,
  },
  WARM_UP: {
    schema: z.enum(['true', 'false']).transform((value) => value === 'true'),
    says: 'must be true or false',
  },
} as const;

export function snapshotOf(values: {
  readonly SERVING_SNAPSHOT_MIB?: number | undefined;
  readonly WARM_UP?: boolean | undefined;
}): SnapshotConfig {
  return { bytesMax: (values.SERVING_SNAPSHOT_MIB ?? MIB_DEFAULT) * MIB, warmUp: values.WARM_UP ?? true };
}
