//! The words of the command line are an interface: every `--help`, frozen.
//!
//! After a wanted change: `TRYCMD=overwrite cargo test --test help`.

#[test]
fn every_help_text_is_as_it_was() {
    trycmd::TestCases::new().env("COLUMNS", "100").case("tests/help/*.trycmd");
}
