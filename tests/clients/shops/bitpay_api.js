'use strict';
// npm bitpay-api: a v1 API key, Basic without colon, JSON.
const Bitpay = require('bitpay-api');
const { job, live, called, flat } = require('./shop.js');

const client = new Bitpay({ apiKey: job.v1_key, url: job.base });

async function create(order) {
  const { orderId, ...texts } = order.texts;
  const request = { price: String(order.price), currency: order.currency, ...texts, orderID: orderId, ...flat(order.buyer) };
  return { invoice: told(await called((done) => client.createInvoice(request, done))) };
}

// The library looks at the status alone, and BitPay's v1 refused with 200: a shop finds the error in the answer.
function told(answer) {
  if (answer && answer.error) throw answer;
  return answer;
}

const days = { c: 'BTC', startDate: job.days[0], endDate: job.days[1] };

live({
  create,
  read: async (id) => told(await called((done) => client.getInvoice(id, done))),
  rates: () => called((done) => client.getBTCBestBidRates(done)),
  'rates-late': () => called((done) => client.getBTCBestBidRates(done)), // with the API key
  refused: {
    unknown: async () => told(await called((done) => client.getInvoice(job.unknown, done))),
    ledger: async () => told(await called((done) => client.getBTCTxLedger(days, done))),
  },
});
