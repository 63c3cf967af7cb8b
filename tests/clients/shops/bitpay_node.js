'use strict';
// npm bitpay-node: a v1 API key, Basic with colon, a form. It prints what it is told, and names its host itself.
const Bitpay = require('bitpay-node');
const { job, live, called } = require('./shop.js');

// A client for each call: after a createInvoice the same client would send its next getInvoice as POST, to nowhere.
const client = () => new Bitpay.Client({ apiKey: job.v1_key });

async function create(order) {
  const { price, currency } = order;
  return { invoice: await called((done) => client().createInvoice({ price, currency }, done)), sent: { texts: {}, buyer: {} } };
}

live({
  create,
  read: (id) => called((done) => client().getInvoice(id, done)),
  refused: { unknown: () => called((done) => client().getInvoice(job.unknown, done)) },
});
