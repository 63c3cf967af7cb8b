//! Software of shops by its name (`contract/products.toml`).

use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    product: Vec<Product>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Product {
    starts: String,
}

static PRODUCTS: LazyLock<Vec<Product>> =
    LazyLock::new(|| super::built_in::<File>(include_str!("../../contract/products.toml")).product);

/// The product that an agent's name begins with; None where it is not of the table, like a browser's.
#[must_use]
pub fn product(agent: &str) -> Option<&'static str> {
    let begins = |name: &str| agent.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    PRODUCTS.iter().map(|product| product.starts.as_str()).find(|name| begins(name))
}
