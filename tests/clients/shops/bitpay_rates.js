'use strict';
// npm bitpay-rates: two GETs with no header at all, to https://bitpay.com. It knows no error but a broken answer.
const rates = require('bitpay-rates');
const { live } = require('./shop.js');

live({ rates: () => rates.get(), rate: () => rates.get('USD') });
