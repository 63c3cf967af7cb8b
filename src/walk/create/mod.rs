//! Makes an invoice at BTCPay exactly once.
//!
//! Row before bytes: what the shop sent is durable before BTCPay hears of it, with a mark that
//! BTCPay keeps (`itemCode`). A create is sent once (`send.rs`); where its outcome is unknown (crash,
//! cut, timeout, empty 500) the mark finds the invoice or shows that there is none (`look.rs`).
//! The work runs in a task of its own and outlives the shop's connection (`task.rs`).

mod look;
mod room;
mod send;
mod task;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use self::look::EmptyLooks;
use self::room::Room;
use self::task::Pending;
use super::deadline::Deadline;
use super::facts::{Facts, FactsError};
use super::order::Order;
use super::present::present;
use super::to_btcpay;
use super::upstream::{Upstream, UpstreamError};
use crate::contract::{Era, ErrorCode};
use crate::json::{Object, Value};
use crate::ledger::{InvoiceRow, Ledger, LedgerError, Store};
use crate::secrets::MasterSecret;

pub use self::words::{WordsSealed, open_answer, open_words};

/// Why no invoice can be answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CreateError {
    /// The row could not be made durable; nothing was sent.
    #[error("the ledger cannot keep the invoice: {0}")]
    Ledger(#[from] LedgerError),
    /// What the shop sent before cannot be opened: another master secret.
    #[error(transparent)]
    Sealed(#[from] WordsSealed),
    /// Another instance is making the same invoice.
    #[error("the same invoice is being made elsewhere")]
    InProgress,
    /// As many creates are under way, or came with one POS token, as the limits allow; nothing was written or sent.
    #[error("too many creates are under way")]
    TooMany,
    /// No answer, or one of another meaning.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// JSON, but no invoice.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// The shop's deadline passed; the create goes on.
    #[error("the create took longer than the shop waits")]
    Deadline,
    /// The task ended without a word (it panicked).
    #[error("the create ended without an outcome")]
    Lost,
}

impl CreateError {
    /// The row of the error table.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Ledger(_) => ErrorCode::LedgerUnavailable,
            Self::Sealed(_) | Self::Lost => ErrorCode::InternalError,
            Self::InProgress => ErrorCode::CreateInProgress,
            Self::TooMany => ErrorCode::Overloaded,
            Self::Upstream(error) => error.code(),
            Self::Facts(_) => ErrorCode::UpstreamNotJson,
            Self::Deadline => ErrorCode::DeadlineExceeded,
        }
    }

    /// Whether BTCPay may have an invoice all the same.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Upstream(UpstreamError::Forward(error)) => !error.nothing_was_sent(),
            Self::Upstream(UpstreamError::Misunderstood(error)) => !error.nothing_was_made(),
            Self::InProgress | Self::Facts(_) | Self::Deadline | Self::Lost => true,
            Self::Upstream(_) | Self::Ledger(_) | Self::Sealed(_) | Self::TooMany => false,
        }
    }
}

/// An order on its way: what was asked for, by whom, for which store.
#[derive(Debug, Clone)]
pub struct Commission {
    /// What the shop asks for.
    pub order: Order,
    /// The store that gets the invoice.
    pub store: Arc<Store>,
    /// The credential that asked; None never dedupes by guid.
    pub credential_id: Option<String>,
    /// Dialect of the request, for the ledger.
    pub dialect: &'static str,
    /// Host header, for the ledger.
    pub host: String,
    /// Agent, for the ledger.
    pub agent: String,
    /// Era, for the bodies of notifications.
    pub era: Era,
}

/// An invoice that exists at BTCPay and in the ledger.
#[derive(Clone)]
pub struct Made {
    /// What BTCPay says of it.
    pub facts: Arc<Facts>,
    /// What the shop sent when it was made.
    pub words: Arc<Object>,
    /// BTCPay's own answer, for the contract check.
    pub answer: Arc<Value>,
    /// Members that were left out of the upstream request.
    pub left_out: Vec<to_btcpay::LeftOut>,
    /// An earlier request with the same guid had made it.
    pub repeated: bool,
    /// The create's own answer was lost; the invoice was found by its mark.
    pub found: bool,
    /// The guid was used before for another order (bitpay-sdk sends a millisecond clock).
    pub guid_reused: bool,
}

impl Made {
    fn new(answer: Value, words: Object, row: &InvoiceRow) -> Outcome {
        Ok(Self {
            facts: Arc::new(present(Facts::of_answer(&answer)?, row)),
            words: Arc::new(words),
            answer: Arc::new(answer),
            left_out: Vec::new(),
            repeated: false,
            found: false,
            guid_reused: false,
        })
    }
}

impl fmt::Debug for Made {
    /// Without what the buyer told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made")
            .field("invoice", &self.facts.id)
            .field("repeated", &self.repeated)
            .field("guid_reused", &self.guid_reused)
            .finish_non_exhaustive()
    }
}

type Outcome = Result<Made, CreateError>;

/// Everything creates need, and those under way.
pub struct Creates {
    ledger: Ledger,
    upstream: Arc<Upstream>,
    secrets: Arc<MasterSecret>,
    tasks: TaskTracker,
    clock: fn() -> i64,
    random: fn(&mut [u8]),
    life: String,
    reads_on: Duration,
    notify_base: Option<String>,
    first_look_ms: i64,
    room: Room,
    under_way: Mutex<HashMap<String, Pending>>,
    empty_looks: EmptyLooks,
}

/// What [`Creates`] is made of.
pub struct CreatesParts {
    /// Where rows are kept.
    pub ledger: Ledger,
    /// The way to BTCPay.
    pub upstream: Arc<Upstream>,
    /// Seals what shops sent.
    pub secrets: Arc<MasterSecret>,
    /// Counts creates in the drain.
    pub tasks: TaskTracker,
    /// Milliseconds since 1970.
    pub clock: fn() -> i64,
    /// Fills with random bytes.
    pub random: fn(&mut [u8]),
    /// How long a create is read on after the shop has gone.
    pub reads_on: Duration,
    /// How long a create of unknown outcome must be nowhere at BTCPay before it is sent again, in ms.
    pub quiet_ms: i64,
    /// Most creates under way.
    pub most: usize,
    /// Creates a minute with one POS token.
    pub pos_per_minute: NonZeroU32,
    /// The address below which BTCPay notifies payferry; None: it notifies nobody.
    pub notify_base: Option<String>,
    /// When a new invoice is looked at first, unless BTCPay notifies earlier; milliseconds.
    pub first_look_ms: i64,
}

impl Creates {
    /// Ready, with none under way.
    #[must_use]
    pub fn new(parts: CreatesParts) -> Arc<Self> {
        let CreatesParts { ledger, upstream, secrets, tasks, clock, random, .. } = parts;
        let life = name(random);
        Arc::new(Self {
            ledger,
            upstream,
            secrets,
            tasks,
            clock,
            random,
            life,
            reads_on: parts.reads_on,
            notify_base: parts.notify_base,
            first_look_ms: parts.first_look_ms,
            room: Room::new(parts.most, parts.pos_per_minute),
            under_way: Mutex::default(),
            empty_looks: EmptyLooks::new(parts.quiet_ms),
        })
    }

    /// Makes the invoice, or finds that an earlier request with the same guid made it.
    ///
    /// # Errors
    /// [`CreateError`]; after [`CreateError::Deadline`] the create goes on and its outcome is kept.
    pub async fn make(self: &Arc<Self>, commission: Commission, deadline: Deadline) -> Outcome {
        let (mut pending, joined) = self.start(commission)?;
        let outcome = async {
            match pending.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.clone().unwrap_or(Err(CreateError::Lost)),
                Err(_) => Err(CreateError::Lost),
            }
        };
        let mut made = deadline.bound(outcome).await.unwrap_or(Err(CreateError::Deadline))?;
        // Whoever joins reads no more than whoever comes later.
        made.repeated |= joined;
        Ok(made)
    }
}

/// 16 random bytes in base58: names rows, marks, notification addresses and lives of the process.
fn name(random: fn(&mut [u8])) -> String {
    let mut bytes = [0; 16];
    random(&mut bytes);
    bs58::encode(bytes).into_string()
}
