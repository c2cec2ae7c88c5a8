//! What came out, for people and for programs.

use super::bench::{Ruling, Step};
use crate::args::PolicyTestArgs;
use crate::lines::printable;
use serde_json::{Value, json};
use std::fmt::Write;

/// The table for people.
pub(super) fn table(args: &PolicyTestArgs, policy: &str, steps: &[Step]) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out += &printable(text);
        out.push('\n');
    };
    line(&format!("policy: {policy}"));
    line(&format!("client: {}{}", args.from_ip, if args.submit { ", by the service SUBMIT" } else { "" }));
    for step in steps {
        line("");
        line(&step.said);
        match &step.ruling {
            Ruling::Accepted { frozen: false } => line("  accepted"),
            Ruling::Accepted { frozen: true } => line("  accepted, and the message is frozen"),
            Ruling::Refused { reply, why } => {
                line(&format!("  refused ({why})"));
                for reply in reply.lines() {
                    line(&format!("    {reply}"));
                }
            }
        }
        for reason in &step.reasons {
            line(&format!("  - {reason}"));
        }
    }
    out
}

/// One object of JSON for programs.
pub(super) fn json(args: &PolicyTestArgs, policy: &str, steps: &[Step]) -> String {
    let steps: Vec<Value> = steps.iter().map(step_json).collect();
    let accepted = steps.iter().all(|step| step["verdict"] != "refused");
    let whole = json!({
        "policy": policy,
        "client": args.from_ip.to_string(),
        "service": if args.submit { "submit" } else { "smtp" },
        "accepted": accepted,
        "steps": steps,
    });
    let mut out = String::new();
    writeln!(out, "{whole}").expect("writing to memory");
    out
}

fn step_json(step: &Step) -> Value {
    let mut object = json!({ "said": step.said, "reasons": step.reasons });
    let fields = match &step.ruling {
        Ruling::Accepted { frozen } => json!({ "verdict": if *frozen { "frozen" } else { "accepted" } }),
        Ruling::Refused { reply, why } => json!({ "verdict": "refused", "reply": reply, "why": why }),
    };
    if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
        object.extend(fields);
    }
    object
}
