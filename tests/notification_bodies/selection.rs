//! Which of the events a shop hears of, for everything it can have asked for.

use payferry::contract::notifications::{Asked, Full, email_goes_on, selections};
use payferry::contract::{Era, Form};
use payferry::json::{Object, Value};
use payferry::notify::{Wants, selected};
use payferry::presented::{Event, Speed};

const ALL: &str = "1003 1004 1005 1006 1012 1013";

fn wants(era: Era, full: Option<bool>, extended: bool, speed: Speed) -> Wants {
    Wants { has_url: true, full, extended, speed, era, form: None }
}

/// `flat 1005 1012`
fn hears(wants: &Wants) -> String {
    let told: Vec<_> =
        Event::ALL.iter().filter_map(|event| Some((selected(wants, *event)?, event.code()))).collect();
    let Some((form, _)) = told.first() else { return String::new() };
    assert!(told.iter().all(|(each, _)| each == form), "two forms in one life");
    let codes: Vec<_> = told.iter().map(|(_, code)| code.to_string()).collect();
    format!("{form} {}", codes.join(" "))
}

#[test]
fn who_hears_what() {
    for era in Era::ALL {
        for speed in Speed::ALL {
            for full in [None, Some(false), Some(true)] {
                let extended = hears(&wants(era, full, true, *speed));
                assert_eq!(extended, format!("enveloped {ALL}"), "extended implies full and replaces flat");
                let plain = hears(&wants(era, full, false, *speed));
                let expected = match (era, full, speed) {
                    (Era::Y2021, Some(false), Speed::Low) => "flat 1006 1012".to_owned(),
                    (Era::Y2021, Some(false), _) => "flat 1005 1012".to_owned(),
                    (Era::Y2021, _, _) => "flat 1003 1005 1006 1012".to_owned(),
                    (_, Some(true), _) => format!("flat {ALL}"),
                    _ => "flat 1005 1012".to_owned(),
                };
                assert_eq!(plain, expected, "{} {full:?} {speed}", era.as_str());
            }
        }
    }
}

#[test]
fn a_shop_without_address_hears_nothing() {
    let mut silent = wants(Era::Y2021, Some(true), true, Speed::Medium);
    silent.has_url = false;
    assert_eq!(hears(&silent), "");
}

/// WHMCS 4.2 asks for fullNotifications and reads `data`: the operator fixes the form, not the events.
#[test]
fn a_fixed_form_changes_the_form_alone() {
    let mut whmcs = wants(Era::Y2019, Some(true), false, Speed::Medium);
    whmcs.form = Some(Form::Enveloped);
    assert_eq!(hears(&whmcs), format!("enveloped {ALL}"));
    let mut flat = wants(Era::Y2021, None, true, Speed::Medium);
    flat.form = Some("flat".parse().unwrap());
    assert_eq!(hears(&flat), format!("flat {ALL}"));
    assert!("xml".parse::<Form>().is_err());
}

#[test]
fn wants_are_read_from_the_shops_words() {
    let words = |members: &[(&str, Value)]| {
        members.iter().cloned().map(|(n, v)| (n.to_owned(), v)).collect::<Object>()
    };
    let asked = words(&[
        ("notificationURL", "https://shop.example/ipn".into()),
        ("fullNotifications", true.into()),
        ("transactionSpeed", "LOW".into()),
    ]);
    let read = Wants::of_words(&asked, Era::Y2014, Speed::Medium, None);
    assert_eq!(read, wants(Era::Y2014, Some(true), false, Speed::Low));
    let nothing = Wants::of_words(&Object::new(), Era::Every, Speed::High, None);
    assert_eq!(nothing, Wants { has_url: false, ..wants(Era::Every, None, false, Speed::High) });
    let blank = Wants::of_words(&words(&[("notificationURL", " ".into())]), Era::Every, Speed::High, None);
    assert!(!blank.has_url);
}

/// BTCPay mails each of its own events: only for whom BitPay mailed at each change, or who has nothing else.
#[test]
fn mail_goes_on_where_bitpay_mailed_each_change() {
    let asked =
        |era, full: Option<bool>, extended| Asked { era, full: Full::from(full), extended, speed: "medium" };
    assert!(email_goes_on(&asked(Era::Y2014, Some(true), false), true));
    assert!(email_goes_on(&asked(Era::Y2014, None, true), true));
    assert!(email_goes_on(&asked(Era::Y2021, None, false), true));
    assert!(!email_goes_on(&asked(Era::Y2014, None, false), true));
    assert!(!email_goes_on(&asked(Era::Y2021, Some(false), false), true));
    assert!(email_goes_on(&asked(Era::Y2014, None, false), false), "the mail is all it hears");
}

/// Every code of the table is an event that payferry knows, and every row is of use.
#[test]
fn the_table_is_whole() {
    for row in selections() {
        assert!(row.codes.iter().all(|code| Event::of_code(*code).is_ok()), "{row:?}");
        assert!(row.codes.contains(&1012), "a shop that asks again is answered: {row:?}");
        assert!(!row.source.is_empty());
    }
}
