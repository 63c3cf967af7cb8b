'use strict';
// What the JavaScript shops share: their job, the life that each of them leads, and the record of what the library held.
const fs = require('fs');

const job = JSON.parse(process.argv[2]);
const steps = [];
const MOVED_WITHIN = 20000;

// Notes what `work` gave, or the error as the library threw it. Gives undefined after an error.
// The record is written after each step: some libraries end the process when they fail.
async function step(order, name, work, more = {}) {
  const noted = { order, step: name };
  let value;
  try {
    value = await work();
    Object.assign(noted, { ok: true, value: value === undefined ? null : value });
  } catch (error) {
    Object.assign(noted, { ok: false, error: words(error), kind: kind(error) });
  }
  steps.push(Object.assign(noted, more, { at: Date.now() }));
  fs.writeFileSync(job.report, JSON.stringify({ steps }));
  return value;
}

// All that a developer would see of an error; half of these libraries throw objects that are no Error.
function words(error) {
  if (error === null || typeof error !== 'object') return String(error);
  if (typeof error.message !== 'string' || !error.constructor || error.constructor === Object) return JSON.stringify(error);
  return `${error.name}: ${error.message}`.slice(0, 2000);
}

const kind = (error) => (error && error.constructor ? error.constructor.name : typeof error);

// Waits until the operator has done something, and gives what he says.
function operator(asked) {
  process.stdout.write(`@${asked}\n`);
  const said = Buffer.alloc(200);
  return said.toString('utf8', 0, fs.readSync(0, said)).trim();
}

// A call with a credential that payferry has never met; then the operator adopts it.
async function stranger(what, work) {
  operator('before');
  await step(what, 'stranger', work);
  const said = operator('adopt');
  await step(what, 'adopt', async () => {
    if (said !== 'done') throw new Error(said);
    return null;
  });
}

// `shop` has a function for every step of a life that its library offers; see README.md.
// create(order) gives { guid, invoice, sent, settings }: guid is what the library sent, if it sent one; sent is
// { texts, buyer } where the library cannot send or hold all of the order; settings are those that its invoice has.
async function live(shop) {
  const call = (name, order = '') => shop[name] && step(order, name, shop[name]);
  await call('rates');
  if (job.adopt && shop.create) await stranger(shop.facade || 'merchant', async () => (await shop.create(job.orders[0])).invoice);
  await call('tokens');
  const made = await buy(job.orders, 'create', 'read', shop.create, shop.read);
  for (const name of ['list', 'list-none', 'rates-late', 'rate', 'currencies', 'wallets']) await call(name);
  if (shop.pos) {
    const one = job.orders.slice(0, 1);
    if (job.adopt) await stranger('pos', async () => (await shop.pos.create(one[0])).invoice);
    await buy(one, 'pos-create', 'pos-read', shop.pos.create, shop.pos.read);
  }
  for (const { order, guid, invoice } of made) {
    if (shop.guid) await step(order, 'guid', () => shop.guid(guid));
    if (shop.bare) await step(order, 'bare', () => shop.bare(invoice.id));
  }
  const bought = shop.read && made.find((one) => one.order === job.bought);
  if (bought) {
    await step(bought.order, 'paid', () => moved('pay', shop.read, bought.invoice.id, 'new'));
    await step(bought.order, 'confirmed', () => moved('confirm', shop.read, bought.invoice.id, 'paid'));
    if (shop.resend) await step(bought.order, 'resend', () => shop.resend(bought.invoice));
  }
  if (made.length) {
    for (const [name, work] of Object.entries(shop.refused || {})) await step('', name, () => work(made[0].invoice));
  }
  process.exit(0);
}

// Lets the buyer pay, or a block be found, and reads until the invoice is no more as it was.
async function moved(what, read, id, before) {
  const said = operator(`${what} ${id}`);
  if (said !== 'done') throw new Error(said);
  for (const until = Date.now() + MOVED_WITHIN; ; await new Promise((next) => setTimeout(next, 100))) {
    const invoice = await read(id);
    if (invoice.status !== before || Date.now() > until) return invoice;
  }
}

async function buy(orders, createStep, readStep, create, read) {
  const made = [];
  for (const order of create ? orders : []) {
    const more = {};
    const invoice = await step(order.name, createStep, async () => {
      const answer = await create(order);
      Object.assign(more, { guid: answer.guid, sent: answer.sent, settings: answer.settings });
      return answer.invoice;
    }, more);
    if (!invoice || !invoice.id) continue;
    made.push({ order: order.name, guid: more.guid, invoice });
    if (read) await step(order.name, readStep, () => read(invoice.id));
  }
  return made;
}

// A configuration file of a shop that was paired by somebody else, with the private key `key`.
function foreign(key) {
  const one = { PrivateKeyPath: '', PrivateKey: key, ApiTokens: { merchant: job.token } };
  const config = { Environment: job.environment, EnvConfig: { [job.environment]: one } };
  fs.writeFileSync('adopted.json', JSON.stringify({ BitPayConfiguration: config }));
  return 'adopted.json';
}

// For a library with callbacks (error, answer).
const called = (start) => new Promise((resolve, reject) => start((error, answer) => (error ? reject(error) : resolve(answer))));

// The order's members under the names of v1, where the buyer's are flat.
const FLAT_BUYER = {
  name: 'buyerName', address1: 'buyerAddress1', address2: 'buyerAddress2', locality: 'buyerCity', region: 'buyerState',
  postalCode: 'buyerZip', country: 'buyerCountry', phone: 'buyerPhone', email: 'buyerEmail',
};
const flat = (buyer) => Object.fromEntries(Object.entries(buyer).map(([name, text]) => [FLAT_BUYER[name], text]));

module.exports = { job, step, live, foreign, called, flat };
