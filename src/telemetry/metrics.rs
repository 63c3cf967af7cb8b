//! The numbers behind `/metrics`. Labels are closed sets: never a path, an invoice or a text of a shop.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Around the deadlines that shops have: 5 s and 10 s.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 4.5, 8.5, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    endpoint: &'static str,
    status_class: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    server: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DivergenceLabels {
    endpoint: &'static str,
    kind: &'static str,
    id: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    store: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabels {
    store: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlarmLabels {
    alarm: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NotifiedLabels {
    form: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CreateLabels {
    outcome: &'static str,
}

/// How one exchange with BTCPay went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamResult {
    /// A good answer.
    Answered,
    /// BTCPay refused: a 4xx.
    Refused,
    /// BTCPay failed: a 5xx.
    Failed,
    /// No connection came about.
    Unreachable,
    /// The deadline passed.
    TimedOut,
    /// The answer ended early.
    Cut,
    /// The answer is not what BTCPay's API sends.
    Nonsense,
}

impl UpstreamResult {
    fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Cut => "cut",
            Self::Nonsense => "nonsense",
        }
    }
}

/// What became of one create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateOutcome {
    /// BTCPay made the invoice and the shop heard in time.
    Created,
    /// The shop repeated a create and got the same invoice.
    Repeated,
    /// The invoice was there already, found by its mark.
    Found,
    /// Refused, by payferry or by BTCPay: there is no invoice.
    Refused,
    /// The invoice came after the shop's deadline.
    AfterDeadline,
    /// It is not known whether there is an invoice.
    Unknown,
}

impl CreateOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Repeated => "repeated",
            Self::Found => "found",
            Self::Refused => "refused",
            Self::AfterDeadline => "after_deadline",
            Self::Unknown => "unknown",
        }
    }
}

/// All families. Clones count into the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<EndpointLabels, Histogram>,
    upstream: Family<UpstreamLabels, Counter>,
    divergences: Family<DivergenceLabels, Counter>,
    divergences_dropped: Counter,
    journal_failures: Counter,
    creates: Family<CreateLabels, Counter>,
    deliveries: Family<DeliveryLabels, Counter>,
    alarms: Family<AlarmLabels, Counter>,
    store_keys: Family<StoreLabels, Gauge>,
    notified: Family<NotifiedLabels, Counter>,
    attend_failures: Counter,
    outbox_depth: Gauge,
    outbox_oldest_seconds: Gauge,
    outbox_given_up: Gauge,
    poll_late_seconds: Gauge,
    ledger_commits: Counter,
    connections: Gauge,
    in_flight: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A registry of its own with every family at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Arc::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            upstream: Family::default(),
            divergences: Family::default(),
            divergences_dropped: Counter::default(),
            journal_failures: Counter::default(),
            creates: Family::default(),
            deliveries: Family::default(),
            alarms: Family::default(),
            store_keys: Family::default(),
            notified: Family::default(),
            attend_failures: Counter::default(),
            outbox_depth: Gauge::default(),
            outbox_oldest_seconds: Gauge::default(),
            poll_late_seconds: Gauge::default(),
            outbox_given_up: Gauge::default(),
            ledger_commits: Counter::default(),
            connections: Gauge::default(),
            in_flight: Gauge::default(),
        };
        metrics.registry = Arc::new(metrics.registry());
        metrics
    }

    /// prometheus-client adds `_total` to counters by itself.
    fn registry(&self) -> Registry {
        let mut all = Registry::with_prefix("payferry");
        all.register("requests", "Requests of shops that have been answered", self.requests.clone());
        all.register(
            "request_duration_seconds",
            "Time from the request head to the end of the answer",
            self.request_seconds.clone(),
        );
        all.register("upstream_requests", "Exchanges with BTCPay servers", self.upstream.clone());
        all.register("divergences", "Answers of BTCPay that are not BitPay's", self.divergences.clone());
        all.register(
            "divergences_dropped",
            "Divergences that found no room in the journal",
            self.divergences_dropped.clone(),
        );
        all.register(
            "journal_failures",
            "Failed writes of the journal of divergences; what they held is written later",
            self.journal_failures.clone(),
        );
        all.register("creates", "Creates of invoices by outcome", self.creates.clone());
        all.register("deliveries", "Tries to notify shops, by store and result", self.deliveries.clone());
        all.register("alarms", "What no notification can say; see docs/runbook.md", self.alarms.clone());
        all.register(
            "store_key",
            "Number of the key by which a store signs at BTCPay",
            self.store_keys.clone(),
        );
        all.register("notified", "Notifications that came from BTCPay", self.notified.clone());
        all.register(
            "attend_failures",
            "Invoices that could not be attended to, mostly for the ledger's sake",
            self.attend_failures.clone(),
        );
        all.register(
            "outbox_depth",
            "Notifications that their shops have not taken",
            self.outbox_depth.clone(),
        );
        all.register(
            "outbox_oldest_seconds",
            "Age of the oldest notification that its shop has not taken",
            self.outbox_oldest_seconds.clone(),
        );
        all.register(
            "outbox_given_up",
            "Notifications of the last 7 days that their shops never took, with nothing after them",
            self.outbox_given_up.clone(),
        );
        all.register(
            "poll_late_seconds",
            "How long the poll that waits longest is overdue",
            self.poll_late_seconds.clone(),
        );
        all.register("ledger_commits", "Durable commits of the ledger", self.ledger_commits.clone());
        all.register("connections", "Open connections of shops", self.connections.clone());
        all.register("in_flight", "Requests that are being answered", self.in_flight.clone());
        all
    }

    /// Counts one answered request. `reason` is the reason code of a failure, or empty.
    pub fn request(&self, endpoint: &'static str, status: u16, reason: &'static str, seconds: f64) {
        let labels = RequestLabels { endpoint, status_class: status_class(status), reason };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&EndpointLabels { endpoint }).observe(seconds);
    }

    /// Counts one try to notify a shop; `result` is `delivered` or a reason code.
    pub fn delivery(&self, store: &str, result: &'static str) {
        self.deliveries.get_or_create(&DeliveryLabels { store: store.to_owned(), result }).inc();
    }

    /// Counts one alarm.
    pub fn alarm(&self, alarm: &'static str) {
        self.alarms.get_or_create(&AlarmLabels { alarm }).inc();
    }

    /// Counts one notification from BTCPay: flat, or with an envelope.
    pub fn notified(&self, form: &'static str) {
        self.notified.get_or_create(&NotifiedLabels { form }).inc();
    }

    /// Counts one invoice that could not be attended to.
    pub fn attend_failed(&self) {
        self.attend_failures.inc();
    }

    /// Shows how many notifications wait, how long the oldest does, in seconds, and how many were given up.
    pub fn set_outbox(&self, depth: i64, oldest_seconds: i64, given_up: i64) {
        self.outbox_depth.set(depth);
        self.outbox_oldest_seconds.set(oldest_seconds);
        self.outbox_given_up.set(given_up);
    }

    /// Shows how long the poll that waits longest is overdue, in seconds.
    pub fn set_poll_late(&self, seconds: i64) {
        self.poll_late_seconds.set(seconds);
    }

    /// Counts one exchange with a BTCPay server; `server` is its name in the configuration.
    pub fn upstream(&self, server: &str, result: UpstreamResult) {
        let labels = UpstreamLabels { server: server.to_owned(), result: result.label() };
        self.upstream.get_or_create(&labels).inc();
    }

    /// The counter of one divergence; `id` is its id in the catalogue.
    #[must_use]
    pub fn divergence(&self, endpoint: &'static str, kind: &'static str, id: &'static str) -> Counter {
        self.divergences.get_or_create(&DivergenceLabels { endpoint, kind, id }).clone()
    }

    /// Counts divergences that found no room in the journal.
    pub fn divergences_dropped(&self, many: usize) {
        self.divergences_dropped.inc_by(many as u64);
    }

    /// Counts one failed write of the journal.
    pub fn journal_failure(&self) {
        self.journal_failures.inc();
    }

    /// Counts the outcome of one create.
    pub fn create(&self, outcome: CreateOutcome) {
        self.creates.get_or_create(&CreateLabels { outcome: outcome.label() }).inc();
    }

    /// Takes over how many commits the ledger has made.
    pub fn set_ledger_commits(&self, total: u64) {
        self.ledger_commits.inner().store(total, std::sync::atomic::Ordering::Relaxed);
    }

    /// Shows by which of its keys each store signs, and nothing of any other store.
    pub fn set_store_keys(&self, keys: Vec<(String, u32)>) {
        self.store_keys.clear();
        for (store, key) in keys {
            self.store_keys.get_or_create(&StoreLabels { store }).set(i64::from(key));
        }
    }

    /// One connection more, until the guard is dropped.
    #[must_use]
    pub fn connection(&self) -> Gauged {
        Gauged::new(&self.connections)
    }

    /// One request in flight more, until the guard is dropped.
    #[must_use]
    pub fn in_flight(&self) -> Gauged {
        Gauged::new(&self.in_flight)
    }

    /// All numbers in the OpenMetrics text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics could not be written");
        }
        text
    }
}

/// Holds a gauge one higher while it lives.
#[derive(Debug)]
pub struct Gauged(Gauge);

impl Gauged {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Gauged {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_written_under_its_name() {
        let metrics = Metrics::new();
        metrics.request("invoice_create", 200, "", 0.02);
        metrics.upstream("main", UpstreamResult::Answered);
        metrics.divergence("invoice_create", "null", "invoice-nulls").inc();
        metrics.divergences_dropped(2);
        metrics.journal_failure();
        metrics.create(CreateOutcome::Created);
        metrics.set_ledger_commits(1);
        let connection = metrics.connection();
        let text = metrics.encode();
        for line in [
            "payferry_requests_total{endpoint=\"invoice_create\",status_class=\"2xx\",reason=\"\"} 1",
            "payferry_request_duration_seconds_count{endpoint=\"invoice_create\"} 1",
            "payferry_upstream_requests_total{server=\"main\",result=\"answered\"} 1",
            "payferry_divergences_total{endpoint=\"invoice_create\",kind=\"null\",id=\"invoice-nulls\"} 1",
            "payferry_divergences_dropped_total 2",
            "payferry_journal_failures_total 1",
            "payferry_creates_total{outcome=\"created\"} 1",
            "payferry_ledger_commits_total 1",
            "payferry_connections 1",
            "payferry_in_flight 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        drop(connection);
        assert!(metrics.encode().contains("payferry_connections 0"));
    }
}
