//! What payferry says about itself: log lines, numbers, and one line per request.

mod logged_body;
mod logging;
mod metrics;
mod request_log;

pub use logged_body::LoggedBody;
pub use logging::{LoggingError, init_logging};
pub use metrics::{CreateOutcome, Gauged, Metrics, UpstreamResult};
pub use request_log::{Ended, RequestRecord};
