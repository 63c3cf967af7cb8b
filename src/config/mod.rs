//! The configuration of the process: defaults, then `payferry.toml`, then `PAYFERRY_…` variables.
//!
//! Stores, credentials and stages are not here: they live in the ledger.
//! Secrets are only ever named by a `…_file` key, so that no error text can
//! print one and no environment listing shows one.

mod admin;
mod btcpay;
mod environment;
mod error;
mod ledger;
mod limits;
mod load;
mod log;
mod notify;
mod rates;
mod secrets;
mod shop;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use admin::AdminSection;
pub use btcpay::{Authority, BtcpayServer, PublicUrl, Scheme};
pub use environment::process_environment;
pub use error::ConfigError;
pub use ledger::LedgerSection;
pub use limits::LimitsSection;
pub use log::{LogFormat, LogSection};
pub use notify::NotifySection;
pub use rates::{RatesHost, RatesSection};
pub use secrets::SecretsSection;
pub use shop::{BITPAY_NAMES, ShopCertificate, ShopSection};

/// Everything that `payferry.toml` can say.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The side that shops talk to.
    pub shop: ShopSection,
    /// The operator's own listener.
    pub admin: AdminSection,
    /// BTCPay servers by name; each store names its server.
    pub btcpay: BTreeMap<String, BtcpayServer>,
    /// Where payferry remembers.
    pub ledger: LedgerSection,
    /// Files that hold secrets.
    pub secrets: SecretsSection,
    /// Sizes and times that bound every request.
    pub limits: LimitsSection,
    /// Notifications from BTCPay and to shops.
    pub notify: NotifySection,
    /// Whose rates a request without a store gets.
    pub rates: RatesSection,
    /// What is logged, and how.
    pub log: LogSection,
}

impl Config {
    /// Reads the file (when one is given) and the variables, and validates the result.
    ///
    /// `environment` is usually [`process_environment`]; only names that begin with `PAYFERRY_`
    /// count. Relative paths are taken from the folder of the file, or from the working folder
    /// when there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, a key is unknown, or a value has the wrong type or makes no
    /// sense. The error names the file or variable and the key, and never prints a value that
    /// came from the environment.
    pub fn load<E>(path: Option<&Path>, environment: E) -> Result<Self, ConfigError>
    where
        E: IntoIterator<Item = (String, String)>,
    {
        let mut config = load::read(path, environment)?;
        if let Some(folder) = path.and_then(Path::parent) {
            config.resolve_paths(folder);
        }
        config.validate()?;
        Ok(config)
    }

    fn resolve_paths(&mut self, folder: &Path) {
        self.shop.resolve_paths(folder);
        self.ledger.resolve_paths(folder);
        self.secrets.resolve_paths(folder);
        for server in self.btcpay.values_mut() {
            server.resolve_paths(folder);
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        self.shop.validate()?;
        self.ledger.validate()?;
        self.limits.validate()?;
        self.notify.validate()?;
        self.rates.validate()?;
        for (name, server) in &self.btcpay {
            server.validate(name)?;
        }
        let outer = [
            ("shop.http", self.shop.http),
            ("shop.https", self.shop.https),
            ("notify.listen", self.notify.listen),
        ];
        for (key, address) in outer {
            if address.is_some_and(|address| address.port() != 0 && address == self.admin.listen) {
                return Err(ConfigError::invalid(key, "is the same address as admin.listen"));
            }
        }
        Ok(())
    }
}

/// Makes a relative path start at `folder`; an absolute one stays.
fn resolve(path: &mut PathBuf, folder: &Path) {
    if path.is_relative() {
        *path = folder.join(&*path);
    }
}
