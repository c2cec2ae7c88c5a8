//! Files of hashes that crypt(3) has made, and the same work for everybody.

use super::*;
use smtpserver_core::auth::Secret;

/// The password `pencil` by each kind of hash (`password` by the first). The first is of Argon2's own tests, the last of RFC 7677's exchange; the
/// others were made by a system's crypt(3).
const HASHES: [(&str, &str); 8] = [
    ("argon", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
    ("yes", "$y$j75$LdJMENpBABJJ3hIHjB1Bi.$MHX0p4PJRtsNI.8GLaw3GNBacxXjHMFMnm6zzIYqzQA"),
    (
        "sha512",
        "$6$saltstring$Wspbkvh9VR9k.5FhrEX5QuXIhny1ZR6t1JcW7cUaNNlvGeocueB2IYFN40CbfZ4cl/WePSJC5pA/G1VTFwAkU.",
    ),
    (
        "rounds",
        "$6$rounds=10000$saltstringsaltst$7gxjsmWBoQg0HnxKhiTW/tu.vjP7XcX6/Szx/LiWMq8.pp.02jD9hr9aAqmHep.bnioaB8E.9hF77NOMIDUNM0",
    ),
    ("sha256", "$5$saltstring$wuJ45iOx5v450rU6JtvcL8/irPJiQfTgbn.aeqNlOqB"),
    ("bcrypt", "$2b$05$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZu"),
    ("apache", "$2y$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2"),
    (
        "scram",
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    ),
];

const SECRET: &str = "%secret AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";

fn text() -> String {
    HASHES.iter().map(|(name, hash)| format!("{name}:{hash}\n")).collect()
}

fn name(name: &str) -> UserName {
    UserName::new(name).expect("a name")
}

fn password(user: &str, password: &str) -> Check {
    Check::Password { user: name(user), password: Secret::from(password.as_bytes()) }
}

#[test]
fn every_kind_of_hash_knows_its_password() {
    let users = Passwords::parse(&text()).expect("fit");
    for (user, _) in HASHES {
        let right = if user == "argon" { "password" } else { "pencil" };
        assert_eq!(users.check(&password(user, right)), Finding::Right, "{user}");
        assert_eq!(users.check(&password(user, "pencils")), Finding::Wrong, "{user}");
        assert_eq!(users.check(&password(user, "")), Finding::Wrong, "{user}");
        assert_eq!(users.check(&password(&user.to_uppercase(), "pencil")), Finding::Wrong, "{user}");
    }
    let token = Check::Token { user: name("scram"), token: Secret::from(&b"pencil"[..]) };
    assert_eq!(users.check(&token), Finding::Trouble);
    assert_eq!(format!("{users:?}"), "Passwords(8 users)");
}

#[test]
fn an_unknown_user_costs_the_work_of_a_known_one() {
    let users = Passwords::parse(&(SECRET.to_owned() + &text() + "gone:!$5$saltstring$x\n")).expect("fit");
    let effort = |user: &str, secret: &str| {
        let mut effort = Effort::new();
        (users.check_and_count(&password(user, secret), &mut effort), effort)
    };
    let prices: Vec<Effort> = HASHES.iter().map(|(user, _)| effort(user, "wrong").1).collect();
    for user in ["nobody", "gone", "ann@example.org", "x", "root"] {
        let (finding, work) = effort(user, "pencil");
        assert_eq!(finding, Finding::Wrong);
        assert_eq!(work.len(), 1, "one hash, as for everybody");
        assert!(prices.contains(&work), "{user}: {work:?}");
        assert_eq!(effort(user, "other").1, work, "always the same");
        // Another start of the program, with the same file.
        let again = Passwords::parse(&(SECRET.to_owned() + &text())).expect("fit");
        let mut more = Effort::new();
        again.check_and_count(&password(user, "pencil"), &mut more);
        assert_eq!(more, work);
    }
    let mut one = Effort::new();
    let single = Passwords::parse(&format!("sha256:{}\n", HASHES[4].1)).expect("fit");
    single.check_and_count(&password("nobody", "x"), &mut one);
    assert_eq!(one, effort("sha256", "x").1, "in a file of one kind the work is the same for all");
    assert_eq!(effort("sha256", "pencil").1, one, "and for who is right");
}

#[test]
fn an_unknown_user_looks_like_one_with_keys() {
    let file = SECRET.to_owned() + &format!("{}:{}\n", HASHES[7].0, HASHES[7].1);
    let users = Passwords::parse(&file).expect("fit");
    assert!(users.means().proofs && !users.lacks_secret());
    let salt = |user: &str| {
        let finding = users.check(&Check::Salt { user: name(user) });
        let Finding::Salt { salt, iterations } = finding else { panic!("{finding:?}") };
        (salt, iterations)
    };
    assert_eq!(salt("scram").0, Base64::decode_vec("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64"));
    assert_eq!((salt("ann").0.len(), salt("ann").1), (16, 4096));
    assert_eq!(salt("ann"), salt("ann"));
    assert_ne!(salt("ann"), salt("bob"));
    let proof = Check::Proof { user: name("ann"), transcript: b"x".to_vec(), proof: [1; 32] };
    assert_eq!(users.check(&proof), Finding::Wrong);
    let mixed = Passwords::parse(&text()).expect("fit");
    assert!(!mixed.means().proofs, "a client that can prove would try nothing else");
    assert!(mixed.lacks_secret());
    assert!(!Passwords::parse("").expect("empty").means().proofs);
}

#[test]
fn lines_that_cannot_be_used_are_named_and_not_shown() {
    for (line, what) in [
        ("ann", "no colon"),
        (":$5$salt$x", "the name is empty"),
        ("ann:", "there is no hash"),
        ("ann:pencil", "plain text"),
        ("ann:ab01FAX.bQRSU", "DES"),
        ("ann:$1$salt$hash", "MD5"),
        ("ann:$apr1$salt$hash", "MD5"),
        ("ann:$7$salt$hash", "known kind"),
        ("ann:$6$salt", "cut off"),
        ("ann:$6$salt$hash$more", "more behind"),
        ("ann:$6$rounds=999999999$salt$hash", "costs more"),
        ("ann:$6$rounds=x$salt$hash", "costs more"),
        ("ann:$argon2id$v=19$m=9999999,t=1,p=1$c2FsdA$aGFzaA", "costs more"),
        ("ann:$argon2id$v=19$m=64,t=2,p=1$c2FsdA", "cut off"),
        ("ann:$2b$31$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZu", "costs more"),
        ("ann:$2b$05$abc", "damaged"),
        ("ann:$y$j75$salt", "cut off"),
        ("ann:SCRAM-SHA-256$1:AAAA$AAAA:AAAA", "SCRAM keys"),
        ("%secret AAAA", "32 octets"),
        ("ann:!\nann:!", "there already"),
    ] {
        let faults = Passwords::parse(&format!("# a remark\n\n{line}\n")).expect_err(line);
        assert_eq!(faults.len(), 1, "{line}");
        assert_eq!(faults[0].line, 3 + line.lines().count() - 1);
        assert!(faults[0].what.contains(what), "{line}: {}", faults[0].what);
    }
    // The further fields of a passwd(5) line, and locked accounts.
    let users =
        Passwords::parse(&format!("ann:{}:1000:100::/home/ann:/bin/sh \nbob:!x\neve:*\n", HASHES[4].1));
    let users = users.expect("fit");
    assert_eq!(users.check(&password("ann", "pencil")), Finding::Right);
    assert_eq!(users.check(&password("bob", "pencil")), Finding::Wrong);
}

#[test]
fn what_is_made_for_a_new_password_is_what_is_read() {
    for scheme in [Scheme::Argon2id, Scheme::Scram, Scheme::Sha512] {
        let kept = scheme.keep(&Secret::from("p\u{e4}ss word".as_bytes()), [7; 16]).expect("hashed");
        let users = Passwords::parse(&format!("ann:{}\n", *kept)).expect("fit");
        assert_eq!(users.check(&password("ann", "p\u{e4}ss word")), Finding::Right, "{scheme:?}");
        assert_eq!(users.check(&password("ann", "pass word")), Finding::Wrong, "{scheme:?}");
        assert_eq!(users.means().proofs, scheme == Scheme::Scram);
    }
    // SASLprep folds compatible forms, for SCRAM only; and has no form for some.
    let kept = Scheme::Scram.keep(&Secret::from("\u{2168}".as_bytes()), [7; 16]).expect("hashed");
    let users = Passwords::parse(&format!("ann:{}\n", *kept)).expect("fit");
    assert_eq!(users.check(&password("ann", "IX")), Finding::Right);
    assert!(
        Scheme::Scram.keep(&Secret::from("\u{ad}".as_bytes()), [7; 16]).is_err(),
        "nothing is left of it"
    );
    assert!(Scheme::Scram.keep(&Secret::from(&b"\xff"[..]), [7; 16]).is_err());
}

#[test]
fn a_file_is_read_again_when_it_has_changed_and_a_bad_one_changes_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("directory");
    let path = folder.path().join("passwords");
    let write = |text: &str, mode: u32| {
        let new = folder.path().join("new");
        std::fs::write(&new, text).expect("written");
        std::fs::set_permissions(&new, PermissionsExt::from_mode(mode)).expect("set");
        std::fs::rename(&new, &path).expect("renamed");
    };
    assert!(PasswordFile::open(&path).expect_err("none").contains("passwords"));
    write("ann:pencil\n", 0o600);
    let error = PasswordFile::open(&path).expect_err("a bad line");
    assert!(error.contains("line 1: no hash") && !error.contains("pencil"), "{error}");
    write("", 0o644);
    assert!(PasswordFile::open(&path).expect_err("others may read").contains("chmod"));
    assert!(PasswordFile::open(folder.path()).expect_err("a folder").contains("regular"));

    let line = format!("ann:{}\n", HASHES[4].1);
    write(&line, 0o600);
    let file = PasswordFile::open(&path).expect("fit");
    let finds = || file.current().0.check(&password("ann", "pencil"));
    assert_eq!(finds(), Finding::Right);
    for (bad, mode) in [("ann:pencil", 0o600), (line.as_str(), 0o666)] {
        write(bad, mode);
        assert!(file.current().1.expect("a note").contains("stay"));
        assert!(file.current().1.is_none(), "said once");
        assert_eq!(finds(), Finding::Right);
    }
    std::fs::remove_file(&path).expect("removed");
    assert!(file.current().1.expect("a note").contains("stay"));
    write("ann:!\n", 0o640);
    assert!(file.current().1.is_none());
    assert_eq!(finds(), Finding::Wrong);
}
