#!/usr/bin/env node
import { EXIT_CODE } from './exit-codes.ts';
import { explain } from './explain.ts';
import { createProgram } from './program.ts';

// A reader that has seen enough (`| head`) closes the pipe: that is no fault of ours to report.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode ?? EXIT_CODE.INTERNAL);
});

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}
