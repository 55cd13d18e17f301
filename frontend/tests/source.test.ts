import { strict as assert, test } from './assert.js';
import type { Page, Work } from '../src/api.js';
import { PAGE, Source } from '../src/panel/source.js';

interface Asked {
  start: number;
  answer: (total: number, mark?: string) => void;
  refuse: (error: unknown) => void;
}

/** A source, what it asks, and what it told. */
function begin() {
  const asked: Asked[] = [];
  const failures: unknown[] = [];
  let told = 0;
  const source = new Source(
    (start, limit) => new Promise<Page>((resolve, reject) => {
      asked.push({
        start,
        answer: (total, mark = '') => resolve({
          start,
          total,
          skipped: [],
          works: Array.from({ length: Math.max(0, Math.min(limit, total - start)) }, (_, index) => (
            { ref: `${start + index}`, title: `${start + index}${mark}` } as Work
          )),
        }),
        refuse: reject,
      });
    }),
    () => { told += 1; },
    (error) => failures.push(error),
  );
  return { source, asked, failures, told: () => told };
}

const soon = () => new Promise<void>((resolve) => { setTimeout(resolve); });

test('the first page tells how many there are, and others are read when they are wanted', async () => {
  const { source, asked, told } = begin();
  source.want(0, 30);
  assert.deepEqual(asked.map(({ start }) => start), [0]);
  assert.equal(source.total, undefined);
  asked[0]?.answer(10_000);
  await soon();
  assert.equal(source.total, 10_000);
  assert.equal(source.at(7)?.ref, '7');
  assert.equal(told(), 1);
  source.want(5 * PAGE - 10, 5 * PAGE + 10);
  source.want(5 * PAGE - 10, 5 * PAGE + 10);
  assert.deepEqual(asked.map(({ start }) => start), [0, 4 * PAGE, 5 * PAGE]);
  assert.equal(source.at(5 * PAGE), undefined);
});

test('nothing behind the end is asked for', async () => {
  const { source, asked } = begin();
  source.want(0, 1);
  asked[0]?.answer(3);
  await soon();
  source.want(0, 500);
  assert.equal(asked.length, 1);
});

test('what is far from the place looked at is forgotten', async () => {
  const { source, asked } = begin();
  source.want(0, 0);
  asked[0]?.answer(10_000);
  await soon();
  for (let page = 1; page < 40; page += 1) {
    source.want(page * PAGE, page * PAGE);
    asked[page]?.answer(10_000);
    await soon();
  }
  assert.equal(source.at(0), undefined);
  assert.equal(source.at(39 * PAGE)?.ref, `${39 * PAGE}`);
});

test('another total means that everything stands elsewhere', async () => {
  const { source, asked } = begin();
  source.want(0, 0);
  asked[0]?.answer(500);
  await soon();
  source.want(PAGE, PAGE);
  asked[1]?.answer(499);
  await soon();
  assert.equal(source.total, 499);
  assert.equal(source.at(0), undefined);
  assert.equal(source.at(PAGE)?.ref, `${PAGE}`);
});

test('a work that looks different takes the place of what it was', async () => {
  const { source, asked } = begin();
  source.want(0, 0);
  asked[0]?.answer(3);
  await soon();
  source.replace({ 1: { ref: '1', title: 'new' } as Work });
  assert.deepEqual([0, 1, 2].map((at) => source.at(at)?.title), ['0', 'new', '2']);
});

test('read again, what is shown stays until the answer, and late answers do not count', async () => {
  const { source, asked } = begin();
  source.want(0, 0);
  asked[0]?.answer(300);
  await soon();
  source.want(PAGE, PAGE);
  const done = source.again(0, 10);
  assert.equal(source.at(0)?.title, '0');
  asked[2]?.answer(299, ' anew');
  asked[1]?.answer(300, ' of before');
  await done;
  await soon();
  assert.equal(source.at(0)?.title, '0 anew');
  assert.equal(source.total, 299);
  assert.equal(source.at(PAGE), undefined);
});

test('what went wrong is told, and may be asked for again', async () => {
  const { source, asked, failures } = begin();
  source.want(0, 0);
  asked[0]?.refuse('no');
  await soon();
  assert.deepEqual(failures, ['no']);
  source.want(0, 0);
  assert.equal(asked.length, 2);
});
