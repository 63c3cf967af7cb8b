//! The closed lists of words that the machine is made of; each has one spelling, in the tables and
//! in the ledger alike.

/// Why a text is none of the words of a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {list}")]
pub struct NoSuchWord {
    /// Which list.
    pub list: &'static str,
    /// The text.
    pub word: String,
}

/// An enum whose variants are words: `as_str`, `Display`, `FromStr`, `Deserialize` and `ALL`.
macro_rules! words {
    (
        $(#[$about:meta])*
        $list:ident { $( $(#[$note:meta])* $name:ident = $text:literal, )+ }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
        pub enum $list {
            $( $(#[$note])* #[serde(rename = $text)] $name, )+
        }

        impl $list {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$( Self::$name, )+];

            /// Its one spelling; never changes.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$name => $text, )+ }
            }
        }

        impl std::fmt::Display for $list {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $list {
            type Err = $crate::presented::NoSuchWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().copied().find(|word| word.as_str() == text);
                found.ok_or_else(|| $crate::presented::NoSuchWord {
                    list: stringify!($list),
                    word: text.to_owned(),
                })
            }
        }
    };
}
pub(super) use words;

words! {
    /// What the shop has been told of an invoice. The order is the one in which an invoice can move:
    /// it only ever goes to a greater one.
    Status {
        /// Made, not paid.
        New = "new",
        /// The full amount was seen.
        Paid = "paid",
        /// Not paid in time.
        Expired = "expired",
        /// Paid, but not confirmed in time; or ended by hand.
        Invalid = "invalid",
        /// Confirmed as often as the shop's speed asks for.
        Confirmed = "confirmed",
        /// Credited; final.
        Complete = "complete",
    }
}

words! {
    /// `status` of BTCPay's own BitPay API. `confirmed` is in no answer of its
    /// (recorded: life/life-poll).
    BtcpayStatus {
        /// New.
        New = "new",
        /// Processing: the full amount was seen.
        Paid = "paid",
        /// Settled; final but for the owner's hand.
        Complete = "complete",
        /// Its time is over.
        Expired = "expired",
        /// Not confirmed until the end of monitoring, or marked by hand.
        Invalid = "invalid",
    }
}

words! {
    /// `exceptionStatus` that is not JSON false, in BTCPay's spelling; what a shop reads for it
    /// depends on its era (`contract/eras.toml`). BTCPay's `marked` is not one: see `Seen::by_hand`.
    Exception {
        /// Some money, not enough.
        PaidPartial = "paidPartial",
        /// More than asked, from one satoshi on.
        PaidOver = "paidOver",
        /// The full amount, after the invoice had expired.
        PaidLater = "paidLater",
    }
}
