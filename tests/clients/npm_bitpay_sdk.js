'use strict';
// npm bitpay-sdk, with the configuration file that its own setup script wrote.
const { Client, Models } = require('bitpay-sdk');
const { job, buy } = require('./shop.js');

const client = Client.createClientByConfig(job.config);

async function create(order) {
  const invoice = new Models.Invoice(order.price, order.currency);
  Object.assign(invoice, order.texts);
  invoice.buyer = Object.assign(new Models.Buyer(), order.buyer);
  const made = await client.createInvoice(invoice);
  return { guid: invoice.guid, invoice: made }; // the library put its guid into the object it was given
}

buy(create, (id) => client.getInvoice(id));
