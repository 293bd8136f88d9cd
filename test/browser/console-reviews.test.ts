/** The console's page Reviews in a browser, each thing by doing it as a buyer, a seller, an admin. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Page } from 'playwright-core';
import { until } from '../../scripts/lab/programs.ts';
import { api } from '../support/api.ts';
import { skipWithout } from '../support/requirements.ts';
import { untilShows } from './chromium.ts';
import { consolePages, testAccessibility } from './console-pages-scene.ts';

const skip = skipWithout(['chromium']);
const pages = consolePages(skip);
const { open, as, press, picture } = pages;
let page: Page;
beforeEach(() => {
  page = pages.page;
});

const review = (text: string) => page.locator('.review', { hasText: text }).first();
const told = (sentence: string | RegExp) => page.getByText(sentence).first().waitFor();

test('a buyer writes a review with a picture, a seller replies, others vote and report, an admin hides it', {
  skip,
}, async () => {
  await open('reviews/product/1');
  await as('Buyer');
  await press('Write a review');
  const form = page.getByRole('form', { name: 'Review' });
  await form.getByLabel('4 ★').check();
  await form.getByLabel('Title').fill('A good scarf');
  await form.getByLabel('Text').fill('Warm and soft');
  await form.locator('input[type=file]').setInputFiles(picture);
  await form.getByRole('button', { name: 'Publish' }).click();
  await told('It is published.');
  await review('Warm and soft').getByText('verified purchase').waitFor();
  await until('the picture', () =>
    review('Warm and soft')
      .locator('img')
      .evaluate((image: HTMLImageElement) => image.naturalWidth === 1),
  );
  await untilShows(page.locator('.summary'), /4\.00\s+1 review, 1 verified, 1 with media/);

  await as('Seller');
  await told('A seller cannot review an own product.');
  await press('Reply', review('Warm and soft'));
  await page.getByRole('form', { name: 'Reply' }).getByRole('textbox').fill('Thank you, Anna');
  await press('Send', review('Warm and soft'));
  await review('Warm and soft').getByText('Thank you, Anna').waitFor();
  await press('Helpful (0)', review('Warm and soft'));
  await review('Warm and soft').getByRole('button', { name: 'Helpful (1)', pressed: true }).waitFor();
  await press('Report', review('Warm and soft'));
  await page.getByRole('form', { name: 'Report' }).getByLabel('Reason').selectOption('fake');
  await press('Send', review('Warm and soft'));
  await page.getByRole('form', { name: 'Report' }).waitFor({ state: 'detached' });

  await as('Admin');
  await page.getByRole('link', { name: 'Moderation' }).click();
  await press('Reported');
  await review('Warm and soft').getByText('Reports: 1').waitFor();
  await press('Hide', review('Warm and soft'));
  await page.getByRole('form', { name: 'Hide' }).getByLabel('Reason').selectOption('off_topic');
  await press('Send', review('Warm and soft'));
  await page.getByRole('form', { name: 'Hide' }).waitFor({ state: 'detached' });
  await press('Hidden');
  await review('Warm and soft').getByText('hidden: off_topic').waitFor();

  await as('Buyer');
  await page.getByRole('link', { name: 'My reviews' }).click();
  await press('Appeal', review('Warm and soft'));
  await page.getByRole('form', { name: 'Appeal' }).getByRole('textbox').fill('It is about the scarf');
  await press('Send', review('Warm and soft'));
  await page.getByRole('form', { name: 'Appeal' }).waitFor({ state: 'detached' });

  await as('Admin');
  await page.getByRole('link', { name: 'Moderation' }).click();
  await press('Hidden');
  await review('Warm and soft').getByText('It is about the scarf').waitFor();
  await press('Publish', review('Warm and soft'));
  await told('There is none.');
});

test('the list is sorted and filtered; an own review is edited and deleted', { skip }, async () => {
  const write = (user: number, json: object) =>
    api('POST', `${pages.scene.url}/api/products/2/reviews`, { user, json });
  await write(1, { rating: 2, text: 'A little small' });
  await write(3, { rating: 5, text: 'Keeps tea hot' });
  await open('reviews');
  await as('Buyer');
  // The product with the most reviews comes first.
  await review('A little small').waitFor();
  await untilShows(page.locator('select[name=product] :checked'), /^Clay mug · 3\.5 ★ \(2\)$/);
  await page.getByText('What customers are told').click();
  await told('The average is the mean');
  const untilInOrder = (texts: string[]) =>
    until(`${texts}`, async () =>
      isDeepStrictEqual(await page.locator('.review .prose').allInnerTexts(), texts),
    );
  await untilInOrder(['Keeps tea hot', 'A little small']);
  await page.getByLabel('Sort').selectOption('lowest');
  await untilInOrder(['A little small', 'Keeps tea hot']);
  await page.getByRole('button', { name: '5 ★ 1' }).click();
  await review('A little small').waitFor({ state: 'detached' });
  await press('Verified only');
  await told('There is none.');
  await press('Verified only');
  await page.getByRole('button', { name: '5 ★ 1' }).click();
  await press('Edit');
  const form = page.getByRole('form', { name: 'Review' });
  await form.getByLabel('Text').fill('Small, and I like it');
  await form.getByLabel('Shown as').selectOption('short');
  await form.getByRole('button', { name: 'Publish' }).click();
  await review('Small, and I like it').getByText('Anna B.').waitFor();
  await press('Delete', page.getByRole('region', { name: 'My review of it' }));
  await review('Small, and I like it').waitFor({ state: 'detached' });
});

async function tabTo(name: string) {
  const button = page.locator('main').getByRole('button', { name, exact: true }).first();
  await button.waitFor();
  for (let presses = 0; presses < 60; presses += 1) {
    if (await button.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not lead to ${name}`);
}

test('with the keyboard alone a review is written, and a form that opens has the focus', {
  skip,
}, async () => {
  await page.goto(`${pages.scene.url}/dev`);
  await page.getByRole('link', { name: 'Reviews' }).waitFor();
  await page.keyboard.press('4');
  await tabTo('Buyer');
  await page.keyboard.press('Enter');
  await page.locator('select[name=product]').selectOption('3');
  await tabTo('Write a review');
  await page.keyboard.press('Enter');
  await page.locator('form :focus').waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Tab');
  await page.keyboard.type('By hand');
  await page.keyboard.press('Tab');
  await page.keyboard.type('Typed from the first to the last letter');
  await tabTo('Publish');
  await page.keyboard.press('Enter');
  await review('Typed from the first').waitFor();
  await untilShows(review('Typed from').locator('.stars'), /^★★★★☆$/);
  await as('Seller');
  await tabTo('Reply');
  await page.keyboard.press('Enter');
  await page.locator('form :focus').waitFor();
  await page.keyboard.type('Thank you');
  await tabTo('Send');
  await page.keyboard.press('Enter');
  await review('Typed from').getByText('The seller: Thank you').waitFor();
});

testAccessibility(
  pages,
  [
    ['reviews/product/2', 'Reviews'],
    ['reviews/mine', 'Reviews'],
    ['reviews/moderation', 'Reviews'],
  ],
  skip,
);

test('a buyer takes an export of all that is theirs, and erases it', { skip }, async () => {
  const asked = `${pages.scene.url}/api/products/2/reviews`;
  await api('POST', asked, { user: 1, json: { rating: 3, text: 'To be forgotten' } });
  await open('reviews/mine');
  await as('Buyer');
  await review('To be forgotten').waitFor();
  await press('Export');
  const exported = page.locator('main > section > pre');
  await untilShows(exported, /"text": "To be forgotten"/);
  await press('Erase all of mine…');
  await press('Yes, erase reviews, votes, reports and replies');
  await told(/^Erased: [1-9]/);
  await review('To be forgotten').waitFor({ state: 'detached' });
  const { body } = await api('GET', asked, { user: 3 });
  assert.doesNotMatch(JSON.stringify(body), /To be forgotten/);
});

test('with REVIEWS_MODERATION=pre a review waits for an admin, and is shown once it is published', {
  skip,
}, async () => {
  const { url } = await pages.another({ REVIEWS_MODERATION: 'pre' });
  const product = `${url}/dev#/reviews/product/2`;
  await page.goto(product);
  await as('Buyer');
  await press('Write a review');
  const form = page.getByRole('form', { name: 'Review' });
  await form.getByLabel('4 ★').check();
  await form.getByLabel('Text').fill('Nobody has seen it');
  await form.getByRole('button', { name: 'Publish' }).click();
  await told('It waits until an admin publishes it.');
  const everybodySees = async () =>
    JSON.stringify((await api('GET', `${url}/api/products/2/reviews`)).body.items).includes(
      'Nobody has seen',
    );
  assert.equal(await everybodySees(), false);

  await as('Admin');
  await page.getByRole('link', { name: 'Moderation' }).click();
  await press('Pending');
  await press('Publish', review('Nobody has seen it'));
  await told('There is none.');
  assert.equal(await everybodySees(), true);
  await page.goto(product);
  await review('Nobody has seen it').waitFor();
});
