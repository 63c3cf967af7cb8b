//! `/invoice?id=ID` and `/i/ID`: a buyer's browser under BitPay's name, on its way to BTCPay's payment page.

use http::StatusCode;

use super::Call;
use crate::contract::{ErrorCode, Side};
use crate::walk::answer::Reply;
use crate::walk::refusal::Refusal;

/// Only ids of the ledger lead somewhere: payferry is no open door to whatever BTCPay shows.
pub(super) async fn checkout_page(call: &mut Call<'_>) -> Result<Reply, Refusal> {
    let id = call.route.params.id.clone().or_else(|| call.request.query("id")).unwrap_or_default();
    let link = link(call, &id).await?;
    if link.is_some() {
        call.record.invoice = Some(id);
    }
    Ok(match (link, framed_by_script(call)) {
        (Some(link), false) => Reply::Redirect(link),
        (Some(link), true) => {
            note(call, ErrorCode::EndpointNotOffered, "the payment window inside the shop's page");
            Reply::Page(StatusCode::NOT_IMPLEMENTED, page(NO_WINDOW, Some(&link)))
        }
        (None, _) => {
            note(call, ErrorCode::ObjectNotFound, "no such invoice");
            Reply::Page(StatusCode::NOT_FOUND, page(UNKNOWN, None))
        }
    })
}

async fn link(call: &Call<'_>, id: &str) -> Result<Option<String>, Refusal> {
    let walk = call.walk;
    let row = call.deadline.bound(walk.ledger.find_invoice(id)).await?;
    let Some(row) = row.map_err(crate::walk::resolve::ResolveError::from)? else { return Ok(None) };
    let store = call.deadline.bound(walk.directory.store(&row.store_id)).await?;
    let Some(store) = store else { return Ok(None) };
    let link = walk.upstream.checkout_link(&store, id).map_err(crate::walk::upstream::UpstreamError::from)?;
    Ok(Some(link))
}

/// BitPay's script opens the page in a hidden frame and waits for a message of it: a redirect would leave
/// the shop's page locked. One shop writes `view=popup` over the script's `view=modal`.
fn framed_by_script(call: &Call<'_>) -> bool {
    let view = call.request.query("view");
    view.as_deref() == Some("modal") || (view.is_some() && call.request.query("v").as_deref() == Some("3"))
}

/// For the request log: a page that tells a buyer something else than he came for.
fn note(call: &mut Call<'_>, code: ErrorCode, truth: &str) {
    call.record.reason = code.name();
    call.record.side = Some(if code == ErrorCode::ObjectNotFound { Side::Shop } else { code.row().side });
    truth.clone_into(&mut call.record.truth);
}

const UNKNOWN: &str = "This invoice is not known here. Please go back to the shop and try again.";
const NO_WINDOW: &str = "Payment inside the shop's page is not offered yet.";

/// A page of few words. In BitPay's frame it makes itself visible and can be closed (the script's own
/// messages: `loaded`, `close`); outside of a frame those messages reach nobody.
fn page(words: &str, link: Option<&str>) -> String {
    let link = link.map(|link| {
        format!("<p><a href=\"{}\" target=\"_top\">Open the payment page</a></p>", escaped(link))
    });
    PAGE.replace("{words}", words).replace("{link}", &link.unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Invoice</title>
<style>body{font:16px sans-serif;background:#fff;color:#222;max-width:28em;margin:4em auto;padding:0 1em}</style>
</head>
<body>
<p>{words}</p>
{link}
<p id="close" hidden><button type="button">Close</button></p>
<script>
if (window.parent !== window) {
  document.getElementById("close").hidden = false;
  document.querySelector("button").onclick = function () { window.parent.postMessage("close", "*"); };
  window.parent.postMessage("loaded", "*");
}
</script>
</body>
</html>
"#;
