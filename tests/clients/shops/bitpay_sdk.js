'use strict';
// npm bitpay-sdk 5 to 8, with the configuration file that its own setup script wrote, or, where the shop is to be
// adopted, one with a key and a token that somebody else gave out.
const { job, live, foreign } = require('./shop.js');

const { Client, KeyUtils, Models } = require(job.module);

const client = Client.createClientByConfig(job.config || foreign(new KeyUtils().generate_keypair()));
const pos = Client.createPosClient(job.pos_token, job.environment);

async function create(by, order) {
  const invoice = new Models.Invoice(order.price, order.currency);
  Object.assign(invoice, order.texts, order.settings);
  invoice.buyer = Object.assign(Models.Buyer ? new Models.Buyer() : {}, order.buyer); // 5 does not export it
  const made = await by.createInvoice(invoice);
  return { guid: invoice.guid, settings: order.settings, invoice: made }; // the library put its guid into the object it was given
}

const between = ([dateStart, dateEnd]) => ({ dateStart, dateEnd, status: null, orderId: null, limit: null, offset: null });

live({
  create: (order) => create(client, order),
  read: (id) => client.getInvoice(id),
  guid: (guid) => client.getInvoiceByGuid(guid),
  list: () => client.getInvoices(between(job.days)),
  'list-none': () => client.getInvoices(between(job.no_days)),
  rates: async () => (await client.getRates(null)).getRates(),
  'rates-late': async () => (await client.getRates(null)).getRates(), // with the signature of the call before
  rate: () => client.getRate('BTC', 'USD'),
  currencies: () => client.getCurrencyInfo('USD'),
  wallets: () => client.getSupportedWallets(),
  resend: (invoice) => client.requestInvoiceWebhookToBeResent(invoice.id, invoice.token), // 5 takes the merchant's token by itself
  pos: { create: (order) => create(pos, order), read: (id) => pos.getInvoice(id) },
  refused: {
    unknown: () => client.getInvoice(job.unknown),
    refund: (invoice) => client.createRefund({ amount: 1, invoiceId: invoice.id, currency: 'USD' }),
    cancel: (invoice) => client.cancelInvoice(invoice.id),
    bill: () => client.createBill(new Models.Bill('7', 'USD', 'ada@example.com', [])),
    ledger: () => client.getLedgers(),
    pay: (invoice) => client.payInvoice(invoice.id, 'complete'),
  },
});
