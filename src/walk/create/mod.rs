//! Makes an invoice at BTCPay exactly once.
//!
//! Row before bytes: what the shop sent is durable before BTCPay hears of it, with a mark that
//! BTCPay keeps (`itemCode`). A create is sent once; where its outcome is unknown (crash, cut,
//! timeout, empty 500) the mark finds the invoice or shows that there is none.
//! The work runs in a task of its own and outlives the shop's connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::facts::{Facts, FactsError};
use super::order::Order;
use super::understand::{Misunderstood, understand};
use super::upstream::{Upstream, UpstreamError};
use super::{order, to_btcpay};
use crate::contract::ErrorCode;
use crate::failpoint::Failpoint;
use crate::json::{self, Object, Value};
use crate::ledger::{InvoiceRow, InvoiceState, Ledger, LedgerError, NewInvoice, Reservation, Store};
use crate::secrets::MasterSecret;

/// Most rows whose empty looks are remembered; beyond it they are all forgotten and wait anew.
const MOST_LOOKS: usize = 10_000;
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// Why no invoice can be answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CreateError {
    /// The row could not be made durable; nothing was sent.
    #[error("the ledger cannot keep the invoice: {0}")]
    Ledger(#[from] LedgerError),
    /// What the shop sent before cannot be opened: another master secret.
    #[error("the stored words of the invoice cannot be read")]
    Sealed,
    /// Another instance is making the same invoice.
    #[error("the same invoice is being made elsewhere")]
    InProgress,
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
            Self::Sealed | Self::Lost => ErrorCode::InternalError,
            Self::InProgress => ErrorCode::CreateInProgress,
            Self::Upstream(error) => error.code(),
            Self::Facts(_) => ErrorCode::UpstreamNotJson,
            Self::Deadline => ErrorCode::DeadlineExceeded,
        }
    }
}

impl CreateError {
    /// Whether BTCPay may have an invoice all the same.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Upstream(UpstreamError::Forward(error)) => !error.nothing_was_sent(),
            Self::Upstream(UpstreamError::Misunderstood(error)) => !error.nothing_was_made(),
            Self::InProgress | Self::Facts(_) | Self::Deadline | Self::Lost => true,
            Self::Upstream(_) | Self::Ledger(_) | Self::Sealed => false,
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
}

/// An invoice that exists at BTCPay and in the ledger.
#[derive(Debug, Clone)]
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
    /// The guid was used before for another order (bitpay-sdk sends a millisecond clock).
    pub guid_reused: bool,
}

type Outcome = Result<Made, CreateError>;
type Pending = watch::Receiver<Option<Outcome>>;

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
    quiet_ms: i64,
    under_way: Mutex<HashMap<String, Pending>>,
    /// When BTCPay first had no invoice with a row's mark, milliseconds since 1970.
    empty_looks: Mutex<HashMap<String, i64>>,
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
    /// How long a create of unknown outcome must be nowhere at BTCPay before it is sent again.
    pub quiet_ms: i64,
}

impl Creates {
    /// Ready, with none under way.
    #[must_use]
    pub fn new(parts: CreatesParts) -> Arc<Self> {
        let CreatesParts { ledger, upstream, secrets, tasks, clock, random, reads_on, quiet_ms } = parts;
        let life = name(random);
        Arc::new(Self {
            ledger,
            upstream,
            secrets,
            tasks,
            clock,
            random,
            life,
            reads_on,
            quiet_ms,
            under_way: Mutex::default(),
            empty_looks: Mutex::default(),
        })
    }

    /// Makes the invoice, or finds that an earlier request with the same guid made it.
    ///
    /// # Errors
    /// [`CreateError`]; after [`CreateError::Deadline`] the create goes on and its outcome is kept.
    pub async fn make(self: &Arc<Self>, commission: Commission, within: Duration) -> Outcome {
        let mut pending = self.start(commission);
        let outcome = async {
            match pending.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.clone().unwrap_or(Err(CreateError::Lost)),
                Err(_) => Err(CreateError::Lost),
            }
        };
        tokio::time::timeout(within, outcome).await.unwrap_or(Err(CreateError::Deadline))
    }

    /// Joins the create under way for the same guid and order, or starts one.
    fn start(self: &Arc<Self>, commission: Commission) -> Pending {
        let key = self.key(&commission);
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pending) = under_way.get(&key) {
            return pending.clone();
        }
        let (tell, pending) = watch::channel(None);
        under_way.insert(key.clone(), pending.clone());
        drop(under_way);
        let creates = Arc::clone(self);
        self.tasks.spawn(async move {
            let under_way = UnderWay { creates: &creates, key };
            let row_id = name(creates.random);
            let outcome = creates.work(&row_id, &commission).await;
            drop(under_way);
            creates.log_if_late(&tell, &commission, &outcome);
            tell.send_replace(Some(outcome));
        });
        pending
    }

    fn key(&self, commission: &Commission) -> String {
        match (commission.order.guid(), &commission.credential_id) {
            (Some(guid), Some(credential)) => {
                format!("{credential}/{}/{guid}", commission.order.fingerprint())
            }
            _ => name(self.random),
        }
    }

    fn log_if_late(&self, tell: &watch::Sender<Option<Outcome>>, commission: &Commission, outcome: &Outcome) {
        if tell.receiver_count() > 0 {
            return;
        }
        let store = &commission.store.name;
        match outcome {
            Ok(made) => tracing::warn!(store, invoice = made.facts.id, "created_after_deadline"),
            Err(error) => {
                tracing::warn!(store, code = error.code().name(), %error, "create_failed_after_deadline")
            }
        }
    }

    async fn work(&self, row_id: &str, commission: &Commission) -> Outcome {
        let reservation = self.ledger.reserve_invoice(self.new_row(row_id, commission)).await?;
        Failpoint::RowCommitted.reach();
        match reservation {
            Reservation::New { row, same_guid_other_body } => {
                let mut made = self.send(&row, commission).await?;
                made.guid_reused = same_guid_other_body;
                Ok(made)
            }
            Reservation::Existing(row) => self.resume(&row, commission).await,
        }
    }

    fn new_row(&self, row_id: &str, commission: &Commission) -> NewInvoice {
        NewInvoice {
            row_id: row_id.to_owned(),
            store_id: commission.store.id.clone(),
            credential_id: commission.credential_id.clone(),
            guid: commission.order.guid().map(str::to_owned),
            fingerprint: commission.order.fingerprint(),
            words_sealed: self.seal_words(row_id, commission),
            dialect: commission.dialect.to_owned(),
            host: commission.host.clone(),
            agent: commission.agent.clone(),
            notification_id: name(self.random),
            created_at: (self.clock)(),
            sent_by: self.life.clone(),
        }
    }

    fn seal_words(&self, row_id: &str, commission: &Commission) -> Vec<u8> {
        let words = Value::Object(commission.order.words.clone()).to_string();
        self.secrets.seal(&words_context(row_id), self.nonce(), words.as_bytes())
    }

    fn nonce(&self) -> [u8; 24] {
        let mut nonce = [0; 24];
        (self.random)(&mut nonce);
        nonce
    }

    /// The same guid and order came before.
    async fn resume(&self, row: &InvoiceRow, commission: &Commission) -> Outcome {
        let mut made = match (row.state, row.invoice_id.as_deref()) {
            (InvoiceState::Created, Some(invoice_id)) => self.again(row, invoice_id, commission).await?,
            (InvoiceState::Refused | InvoiceState::Failed, _) => self.reopen(row, commission).await?,
            _ => match self.look(row, commission).await? {
                Some(made) => made,
                None if self.is_quiet(&row.row_id) => self.reopen(row, commission).await?,
                None => return Err(CreateError::InProgress),
            },
        };
        made.repeated = true;
        Ok(made)
    }

    /// Reads a known invoice anew; where BTCPay does not answer, what it said at first still stands.
    async fn again(&self, row: &InvoiceRow, invoice_id: &str, commission: &Commission) -> Outcome {
        let words = open_words(&self.secrets, row).ok_or(CreateError::Sealed)?;
        let fresh = self.upstream.read_invoice(&commission.store, invoice_id, LOOK_WITHIN).await;
        let answer = match fresh {
            Ok(answer) => answer,
            Err(_) => self.first_answer(row).ok_or(CreateError::Sealed)?,
        };
        made(answer, words)
    }

    fn first_answer(&self, row: &InvoiceRow) -> Option<Value> {
        let answer = self.secrets.open(&answer_context(&row.row_id), row.answer_sealed.as_deref()?).ok()?;
        json::parse(&answer).ok()
    }

    async fn reopen(&self, row: &InvoiceRow, commission: &Commission) -> Outcome {
        // The shop may have changed what does not count as another order; its last words are sent and kept.
        let words = self.seal_words(&row.row_id, commission);
        if !self.ledger.reopen_invoice(row, &self.life, words.clone(), (self.clock)()).await? {
            return Err(CreateError::InProgress);
        }
        self.send(&InvoiceRow { words_sealed: words, ..row.clone() }, commission).await
    }

    async fn send(&self, row: &InvoiceRow, commission: &Commission) -> Outcome {
        let (body, left_out) = to_btcpay::create(&commission.order, &row.row_id, (self.clock)());
        let sent = self.upstream.create_invoice(&commission.store, &body, self.reads_on).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => return self.after_no_answer(row, commission, error).await,
        };
        match understand(&answer) {
            Ok(value) => {
                let mut made = match self.bind(row, &value, commission.order.words.clone()).await {
                    // JSON with a good status that is no invoice: BTCPay may have made one all the same.
                    Err(CreateError::Facts(_)) => {
                        let error = UpstreamError::Misunderstood(Misunderstood::NotJson);
                        return self.after_no_answer(row, commission, error).await;
                    }
                    bound => bound?,
                };
                made.left_out = left_out;
                Ok(made)
            }
            Err(error) => self.after_no_answer(row, commission, UpstreamError::Misunderstood(error)).await,
        }
    }

    /// Settles the row where BTCPay certainly made nothing; otherwise asks by the mark.
    async fn after_no_answer(
        &self,
        row: &InvoiceRow,
        commission: &Commission,
        error: UpstreamError,
    ) -> Outcome {
        let settled = match &error {
            UpstreamError::Forward(forward) if !forward.nothing_was_sent() => None,
            UpstreamError::Misunderstood(answer) if answer.nothing_was_made() => Some(InvoiceState::Refused),
            UpstreamError::Misunderstood(_) => None,
            _ => Some(InvoiceState::Failed),
        };
        match settled {
            Some(state) => self.ledger.settle_invoice(&row.row_id, state, (self.clock)()).await?,
            None => {
                if let Ok(Some(made)) = self.look(row, commission).await {
                    return Ok(made);
                }
            }
        }
        Err(error.into())
    }

    /// Asks BTCPay for the invoice that carries the row's mark, and binds it where there is one.
    async fn look(&self, row: &InvoiceRow, commission: &Commission) -> Result<Option<Made>, CreateError> {
        let words = open_words(&self.secrets, row).ok_or(CreateError::Sealed)?;
        let item_code = to_btcpay::item_code_of(&words, &row.row_id);
        let found = self.upstream.find_by_item_code(&commission.store, &item_code, LOOK_WITHIN).await?;
        match found {
            None => {
                self.note_empty_look(&row.row_id);
                Ok(None)
            }
            Some(invoice) => {
                let answer = Value::Object(Object::new().with("data", invoice));
                self.bind(row, &answer, words).await.map(Some)
            }
        }
    }

    fn note_empty_look(&self, row_id: &str) {
        let now = (self.clock)();
        let mut looks = self.empty_looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= MOST_LOOKS {
            looks.clear();
        }
        looks.entry(row_id.to_owned()).or_insert(now);
    }

    /// Whether BTCPay has had time enough, since it first answered that it has no such invoice, to carry out
    /// a create that it still held: it answers reads up to 10 s before creates (outages postgresql-*).
    fn is_quiet(&self, row_id: &str) -> bool {
        let mut looks = self.empty_looks.lock().unwrap_or_else(PoisonError::into_inner);
        let first = looks.get(row_id).copied().unwrap_or(i64::MAX);
        let quiet = (self.clock)().saturating_sub(first) >= self.quiet_ms;
        if quiet {
            looks.remove(row_id);
        }
        quiet
    }

    /// Keeps BTCPay's id and answer before the shop hears of them.
    async fn bind(&self, row: &InvoiceRow, answer: &Value, words: Object) -> Outcome {
        let made = made(answer.clone(), words)?;
        let sealed =
            self.secrets.seal(&answer_context(&row.row_id), self.nonce(), answer.to_string().as_bytes());
        self.ledger.bind_invoice(&row.row_id, &made.facts.id, sealed, (self.clock)()).await?;
        Failpoint::AnswerCommitted.reach();
        Ok(made)
    }
}

/// Forgets a create when it is over, also one that panicked: its repeats would hear of it for ever.
struct UnderWay<'a> {
    creates: &'a Creates,
    key: String,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut under_way = self.creates.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&self.key);
    }
}

fn made(answer: Value, words: Object) -> Outcome {
    Ok(Made {
        facts: Arc::new(Facts::of_answer(&answer)?),
        words: Arc::new(words),
        answer: Arc::new(answer),
        left_out: Vec::new(),
        repeated: false,
        guid_reused: false,
    })
}

/// What the shop sent when the invoice was made; None where the master secret is another.
#[must_use]
pub fn open_words(secrets: &MasterSecret, row: &InvoiceRow) -> Option<Object> {
    let words = secrets.open(&words_context(&row.row_id), &row.words_sealed).ok()?;
    order::parse(&words).ok()
}

fn words_context(row_id: &str) -> String {
    format!("invoice-words/{row_id}")
}

fn answer_context(row_id: &str) -> String {
    format!("invoice-answer/{row_id}")
}

/// 16 random bytes in base58: names rows, marks, notification addresses and lives of the process.
fn name(random: fn(&mut [u8])) -> String {
    let mut bytes = [0; 16];
    random(&mut bytes);
    bs58::encode(bytes).into_string()
}
