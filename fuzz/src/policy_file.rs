//! Compiled policies: no octets make the reader panic, and what is read is written again as it was understood.

use smtpserver_core::policy::Rules;

/// Length and fingerprint stand in the head; a fuzzer would not guess them, so they are made to fit when the first octet
/// says so.
pub fn policy_file(data: &[u8]) {
    let (choice, body) = super::choice(data);
    let mut file = Vec::new();
    if choice.is_multiple_of(2) {
        file.extend_from_slice(b"smtpserver policy\n\x01\0\0\0");
        file.extend_from_slice(&u64::try_from(body.len()).expect("fits").to_le_bytes());
        file.extend_from_slice(&fingerprint(body).to_le_bytes());
    }
    file.extend_from_slice(body);
    if let Ok(rules) = Rules::decode(&file) {
        assert_eq!(Rules::decode(&rules.encode()).as_ref(), Ok(&rules));
        assert!(rules.find_default().is_some());
        rules.find_domain("a.b.example");
        rules.find_address([192, 0, 2, 1].into());
    }
}

/// FNV-1a, as the form of the file has it.
fn fingerprint(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3))
}
