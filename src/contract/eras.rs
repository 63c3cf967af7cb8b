//! In which of its eras BitPay's API a shop was written for (`contract/eras.toml`).
//!
//! BitPay changed the members of its invoice over the years and never asked a shop which ones it
//! wants; a shop reads those of the year in which it was written. What it says of itself tells it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Generation;

/// A time in which BitPay's invoice had the same members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Era {
    /// `/api/invoice`, 2011 to 2018: one flat object.
    #[serde(rename = "v1")]
    V1,
    /// 2014 to 2017: bitcoin only.
    #[serde(rename = "2014")]
    Y2014,
    /// Early 2018: bitcoin's own members beside maps per currency.
    #[serde(rename = "2018")]
    Y2018,
    /// 2019 and 2020: maps per currency only.
    #[serde(rename = "2019")]
    Y2019,
    /// 2021 and later.
    #[serde(rename = "2021")]
    Y2021,
    /// Not known: every member that an enveloped invoice ever had. Also for software that was
    /// written for BTCPay Server, which answers so.
    #[serde(rename = "every")]
    Every,
}

/// Why a text names no era.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no era; there are v1, 2014, 2018, 2019, 2021 and every")]
pub struct NoSuchEra(String);

impl Era {
    /// All of them, oldest first.
    pub const ALL: [Self; 6] = [Self::V1, Self::Y2014, Self::Y2018, Self::Y2019, Self::Y2021, Self::Every];

    /// Its name in the tables, in the ledger and for the operator; never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Y2014 => "2014",
            Self::Y2018 => "2018",
            Self::Y2019 => "2019",
            Self::Y2021 => "2021",
            Self::Every => "every",
        }
    }

    /// An era that an operator may fix for a credential. The flat one is not among them: it is the era of a path.
    ///
    /// # Errors
    /// [`NoSuchEra`].
    pub fn fixable(text: &str) -> Result<Self, NoSuchEra> {
        let era: Self = text.parse()?;
        if era == Self::V1 { Err(NoSuchEra(text.to_owned())) } else { Ok(era) }
    }

    /// The era of a request.
    ///
    /// An answer under `/api` is always flat. Else what the operator fixed for the credential
    /// counts, else what the shop says of itself, else the era in which the invoice was made, where it is about
    /// one: a bare read and the notification that it confirms say the same. `header` gives the first value of a
    /// header.
    #[must_use]
    pub fn choose<'a>(
        generation: Generation,
        fixed: Option<Self>,
        made_in: Option<Self>,
        header: impl Fn(&str) -> Option<&'a str>,
    ) -> Self {
        match generation {
            Generation::V1 => Self::V1,
            Generation::V2 => {
                let said = || of_agent(header).map(|row| row.era);
                let made_in = made_in.filter(|era| *era != Self::V1);
                fixed.or_else(said).or(made_in).unwrap_or(Self::Every)
            }
        }
    }

    /// The word that this era used for an `exceptionStatus` of BTCPay; None stands for JSON false.
    #[must_use]
    pub fn exception(self, word: &str) -> Option<&'static str> {
        TABLE.exceptions.get(word)?.get(self.as_str()).map(String::as_str)
    }
}

impl std::str::FromStr for Era {
    type Err = NoSuchEra;

    fn from_str(text: &str) -> Result<Self, NoSuchEra> {
        Self::ALL.into_iter().find(|era| era.as_str() == text).ok_or_else(|| NoSuchEra(text.to_owned()))
    }
}

/// One kind of software and its era.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// The header that names it, lower case.
    pub header: String,
    /// How its value begins; letter case does not matter. Empty: that it is there is enough.
    pub starts: String,
    /// The era it was written in.
    pub era: Era,
    /// Where the fact comes from.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    agent: Vec<Agent>,
    exceptions: BTreeMap<String, BTreeMap<String, String>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| super::built_in(include_str!("../../contract/eras.toml")));

/// The rows, in the order in which they are tried.
#[must_use]
pub fn agents() -> &'static [Agent] {
    &TABLE.agent
}

/// The first row that fits what the shop says of itself.
#[must_use]
pub fn of_agent<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<&'static Agent> {
    agents().iter().find(|row| header(&row.header).is_some_and(|value| begins(value, &row.starts)))
}

fn begins(value: &str, start: &str) -> bool {
    value.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}
