// Node's own means for tests, with as much of a type as is needed here.
// @ts-expect-error: there are no types of Node in this project.
import nodeAssert from 'node:assert';
// @ts-expect-error: the same.
import nodeTest from 'node:test';

interface Assert {
  equal(actual: unknown, expected: unknown): void;
  deepEqual(actual: unknown, expected: unknown): void;
  throws(action: () => unknown, expected: RegExp): void;
}

export const strict = (nodeAssert as { strict: Assert }).strict;
export const test = nodeTest as (name: string, body: () => void | Promise<void>) => void;
