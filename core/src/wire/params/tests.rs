//! Parameters, good and bad, as tables; and any octets.

use super::*;
use alloc::string::ToString;
use alloc::vec::Vec;
use proptest::prelude::*;

/// What everybody knows, and AUTH.
fn offered() -> Offered {
    Offered { auth: true, ..Offered::default() }
}

fn mail(text: &str) -> Result<MailParams, SyntaxFault> {
    mail_params(text.as_bytes(), &offered())
}

fn rcpt(text: &str) -> Result<RcptParams, SyntaxFault> {
    rcpt_params(text.as_bytes(), &offered())
}

fn name(keyword: &str) -> ParamName {
    ParamName::new(keyword.as_bytes())
}

#[test]
fn all_at_once_in_any_case_and_order() {
    assert_eq!(mail(""), Ok(MailParams::default()));
    let typed = " by=-5;nt  ENVID=QQ314159+2B size=1000 Body=8bitMIME RET=hdrs AUTH=e+3Dmc2@x.example ";
    let params = mail(typed).expect("well-formed");
    let expected = MailParams {
        size: Some(1000),
        body: Some(BodyKind::EightBitMime),
        ret: Some(Ret::Hdrs),
        envid: Xtext::parse("QQ314159+2B"),
        by: Some(DeliverBy { seconds: -5, mode: ByMode::Notify, trace: true }),
        auth: Xtext::parse("e+3Dmc2@x.example"),
    };
    assert_eq!(params, expected);
    let params = rcpt(" orcpt=rfc822;Bob+20B@x.example Notify=delay,SUCCESS").expect("well-formed");
    assert_eq!(params.orcpt.expect("given").to_string(), "rfc822;Bob+20B@x.example");
    assert_eq!(params.notify.expect("given").to_string(), "DELAY,SUCCESS");
}

#[test]
fn good_values_and_what_they_say() {
    assert_eq!(mail(" SIZE=0").map(|params| params.size), Ok(Some(0)));
    assert_eq!(mail(" SIZE=00000000000000000001").map(|params| params.size), Ok(Some(1)));
    assert_eq!(mail(" SIZE=18446744073709551615").map(|params| params.size), Ok(Some(u64::MAX)));
    for kind in ["7BIT", "8BITMIME", "BINARYMIME"] {
        let typed = alloc::format!(" BODY={kind}");
        assert_eq!(mail(&typed).map(|params| params.body.map(BodyKind::name)), Ok(Some(kind)));
    }
    for ret in ["FULL", "HDRS"] {
        let typed = alloc::format!(" RET={ret}");
        assert_eq!(mail(&typed).map(|params| params.ret.map(Ret::name)), Ok(Some(ret)));
    }
    for (typed, said) in [
        ("1;R", "1;R"),
        ("+120;rt", "120;RT"),
        ("0;N", "0;N"),
        ("-999999999;N", "-999999999;N"),
        ("999999999;nT", "999999999;NT"),
        ("007;R", "7;R"),
    ] {
        let params = mail(&alloc::format!(" BY={typed}")).expect(typed);
        assert_eq!(params.by.expect("given").to_string(), said);
    }
    for (typed, said) in
        [("never", "NEVER"), ("FAILURE", "FAILURE"), ("delay,failure,success", "DELAY,FAILURE,SUCCESS")]
    {
        let params = rcpt(&alloc::format!(" NOTIFY={typed}")).expect(typed);
        assert_eq!(params.notify.expect("given").to_string(), said);
    }
    assert_eq!(mail(" AUTH=<>").map(|params| params.auth), Ok(Xtext::parse("<>")));
    assert!(rcpt(" ORCPT=rfc822;").is_ok(), "xtext may be empty");
}

#[test]
fn bad_values() {
    for bad in [
        "SIZE=-1",
        "SIZE=+1",
        "SIZE=1k",
        "SIZE=000000000000000000001",
        "SIZE=1=1",
        "BODY=9BIT",
        "BODY=7BIT=",
        "BODY=8BIT",
        "RET=ALL",
        "RET=FULL,HDRS",
        "ENVID=a=b",
        "ENVID=a+2b",
        "ENVID=+0A",
        "ENVID=+80",
        "ENVID=+7F",
        "BY=1",
        "BY=;R",
        "BY=0;R",
        "BY=-1;R",
        "BY=1;X",
        "BY=1;",
        "BY=1;TR",
        "BY=1;RTT",
        "BY=1000000000;N",
        "BY=0000000001;N",
        "BY=+-1;N",
        "BY=+;N",
        "BY=1;R;T",
        "AUTH=a+",
        "AUTH=+0D",
    ] {
        let keyword = bad.split('=').next().expect("a keyword");
        assert_eq!(mail(&alloc::format!(" {bad}")), Err(SyntaxFault::ParamBad(name(keyword))), "{bad}");
    }
    for bad in [
        "NOTIFY=NEVER,DELAY",
        "NOTIFY=DELAY,NEVER",
        "NOTIFY=,",
        "NOTIFY=DELAY,",
        "NOTIFY=,DELAY",
        "NOTIFY=ALWAYS",
        "ORCPT=joe",
        "ORCPT=;joe",
        "ORCPT=rfc(822;joe",
        "ORCPT=rfc822;+0Ajoe",
        "ORCPT=rfc822;j=e",
        "ORCPT=rfc822;+e9",
    ] {
        let keyword = bad.split('=').next().expect("a keyword");
        assert_eq!(rcpt(&alloc::format!(" {bad}")), Err(SyntaxFault::ParamBad(name(keyword))), "{bad}");
    }
}

#[test]
fn keywords() {
    use SyntaxFault::*;
    for (text, fault) in [
        (" SIZE=1 size=1", ParamTwice(name("SIZE"))),
        (" RET=FULL SIZE=1 RET=HDRS", ParamTwice(name("RET"))),
        (" SIZE", ParamMissingValue(name("SIZE"))),
        (" SIZE=", ParamMissingValue(name("SIZE"))),
        (" FOO", ParamUnknown(name("FOO"))),
        (" x-1=2", ParamUnknown(name("X-1"))),
        (" NOTIFY=NEVER", ParamUnknown(name("NOTIFY"))),
        (" =1", ParamBad(name(""))),
        (" -x=1", ParamBad(name("-X"))),
        (" a_b", ParamBad(name("A_B"))),
        (" SIZE=1\tRET=FULL", ParamBad(name("SIZE"))),
        (" \u{e9}", ParamBad(name("??"))),
    ] {
        assert_eq!(mail(text), Err(fault), "{text}");
    }
    assert_eq!(rcpt(" NOTIFY=NEVER NOTIFY=NEVER"), Err(ParamTwice(name("NOTIFY"))));
    assert_eq!(rcpt(" SIZE=1"), Err(ParamUnknown(name("SIZE"))));
    assert_eq!(name(&"x".repeat(100)).as_str(), "X".repeat(64));
}

#[test]
fn the_limits_of_dsn() {
    let text = |count: usize| "x".repeat(count);
    assert!(mail(&alloc::format!(" ENVID={}", text(100))).is_ok());
    assert!(mail(&alloc::format!(" ENVID={}", text(101))).is_err());
    assert!(rcpt(&alloc::format!(" ORCPT=rfc822;{}", text(493))).is_ok());
    assert!(rcpt(&alloc::format!(" ORCPT=rfc822;{}", text(494))).is_err());
}

#[test]
fn what_is_not_offered_is_unknown() {
    let all = offered();
    let cases = [
        (" SIZE=1", "SIZE", Offered { size: false, ..all }),
        (" BODY=7BIT", "BODY", Offered { eightbitmime: false, binarymime: false, ..all }),
        (" BODY=7BIT", "BODY", Offered { eightbitmime: false, chunking: false, ..all }),
        (" RET=FULL", "RET", Offered { dsn: false, ..all }),
        (" ENVID=x", "ENVID", Offered { dsn: false, ..all }),
        (" BY=1;R", "BY", Offered { deliverby: false, ..all }),
        (" AUTH=<>", "AUTH", Offered::default()),
    ];
    for (text, keyword, fewer) in cases {
        assert!(mail_params(text.as_bytes(), &all).is_ok(), "{text}");
        assert_eq!(
            mail_params(text.as_bytes(), &fewer),
            Err(SyntaxFault::ParamUnknown(name(keyword))),
            "{text}"
        );
    }
    let fewer = Offered { dsn: false, ..all };
    for (text, keyword) in [(" NOTIFY=NEVER", "NOTIFY"), (" ORCPT=rfc822;x", "ORCPT")] {
        assert_eq!(
            rcpt_params(text.as_bytes(), &fewer),
            Err(SyntaxFault::ParamUnknown(name(keyword))),
            "{text}"
        );
    }
    // BODY is known, this value of it is not.
    for (text, fewer) in [
        (" BODY=BINARYMIME", Offered { binarymime: false, ..all }),
        (" BODY=BINARYMIME", Offered { chunking: false, ..all }),
        (" BODY=8BITMIME", Offered { eightbitmime: false, ..all }),
    ] {
        assert_eq!(mail_params(text.as_bytes(), &fewer), Err(SyntaxFault::ParamBad(name("BODY"))), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_reads_the_same(seconds in 1..=999_999_999_i32, trace: bool, wishes in 1..8_u8) {
        let by = DeliverBy { seconds, mode: ByMode::Return, trace };
        prop_assert_eq!(DeliverBy::parse(&by.to_string()), Some(by));
        let by = DeliverBy { seconds: -seconds, mode: ByMode::Notify, trace };
        prop_assert_eq!(DeliverBy::parse(&by.to_string()), Some(by));
        let names = [(1, "SUCCESS"), (2, "FAILURE"), (4, "DELAY")];
        let chosen: Vec<&str> = names.iter().filter(|(bit, _)| wishes & bit != 0).map(|(_, name)| *name).collect();
        let notify = Notify::parse(&chosen.join(",")).expect("well-formed");
        prop_assert_eq!(Notify::parse(&notify.to_string()), Some(notify));
    }

    #[test]
    fn no_octets_make_it_panic(octets: Vec<u8>, keyword in "(SIZE|BODY|RET|ENVID|BY|AUTH|NOTIFY|ORCPT)", value in "[ -~]{0,12}") {
        let known = alloc::format!(" {keyword}={value}");
        for text in [known.as_bytes(), &octets, &[known.as_bytes(), &octets].concat()] {
            let _ = mail_params(text, &offered());
            if let Ok(RcptParams { notify: Some(notify), .. }) = rcpt_params(text, &offered()) {
                prop_assert_eq!(Notify::parse(&notify.to_string()), Some(notify));
            }
        }
    }
}
