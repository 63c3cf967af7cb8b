//! Words and numbers that go into the ledger and to shops.

use payferry::presented::{Alarm, Alarms, BtcpayStatus, Event, Exception, Seen, Settlement, Speed, Status};

#[test]
fn every_word_is_read_back() {
    for status in Status::ALL {
        assert_eq!(status.to_string().parse(), Ok(*status));
    }
    for event in Event::ALL {
        assert_eq!(event.to_string().parse(), Ok(*event));
        assert_eq!(Event::of_code(event.code()), Ok(*event));
    }
    for alarm in Alarm::ALL {
        assert_eq!(alarm.to_string().parse(), Ok(*alarm));
        assert!(alarm.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{alarm}");
    }
    for settlement in Settlement::ALL {
        assert_eq!(settlement.to_string().parse(), Ok(*settlement));
    }
    for speed in Speed::ALL {
        assert_eq!(speed.to_string().parse(), Ok(*speed));
    }
    assert_eq!("Paid".parse::<Status>().unwrap_err().to_string(), "`Paid` is no Status");
    assert_eq!(Event::of_code(2000).unwrap_err().to_string(), "`2000` is no Event");
}

/// developer.bitpay.com/reference/notification-codes
#[test]
fn events_are_bitpays() {
    let told: Vec<_> = Event::ALL.iter().map(|event| (event.code(), event.as_str())).collect();
    let bitpay = [
        (1003, "invoice_paidInFull"),
        (1004, "invoice_expired"),
        (1005, "invoice_confirmed"),
        (1006, "invoice_completed"),
        (1012, "invoice_manuallyNotified"),
        (1013, "invoice_failedToConfirm"),
    ];
    assert_eq!(told, bitpay);
    for status in Status::ALL {
        let event = Event::telling(*status);
        assert_eq!(event.is_none(), *status == Status::New, "every status but new is told: {status}");
        assert!(event.is_none_or(|event| event.status() == Some(*status)));
    }
}

#[test]
fn alarms_are_one_text() {
    let text = "payment_vanished money_on_invalid";
    let alarms: Alarms = text.parse().unwrap();
    assert!(alarms.has(Alarm::PaymentVanished) && !alarms.has(Alarm::PaymentShort));
    assert_eq!(alarms.to_string().parse(), Ok(alarms));
    assert_eq!("".parse(), Ok(Alarms::default()));
    assert!("on_fire".parse::<Alarms>().is_err());
}

#[test]
fn btcpays_words_are_read() {
    let seen = Seen::of_words("complete", Some("marked"), false).unwrap();
    assert_eq!((seen.status, seen.exception, seen.by_hand), (BtcpayStatus::Complete, None, true));
    let late = Seen::of_words("expired", Some("paidLater"), true).unwrap();
    assert_eq!((late.exception, late.by_hand), (Some(Exception::PaidLater), false));
    assert_eq!(Seen::of_words("expired", Some("paidLate"), true), Ok(late), "its spelling until May 2024");
    assert_eq!(Seen::of_words("paid", Some("somethingNew"), true).unwrap().exception, None);
    assert!(Seen::of_words("confirmed", None, true).is_err(), "BTCPay never says confirmed");
}
