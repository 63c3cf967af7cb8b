//! `[admin]`: the operator's own listener.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// The listener for `/live`, `/ready` and `/metrics`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminSection {
    /// Address and port. There is no password: keep it off public networks.
    pub listen: SocketAddr,
}

impl Default for AdminSection {
    fn default() -> Self {
        Self { listen: default_listen() }
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 9470))
}
