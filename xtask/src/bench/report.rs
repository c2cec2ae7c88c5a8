//! The numbers as a table that people read, and as JSON that programs read.

use super::idle::Idle;
use super::load::Sample;
use std::fmt::Write as _;
use std::path::Path;

/// All that was measured so far; each case is printed as soon as it is known.
pub(super) struct Report {
    subjects: Vec<String>,
    /// The members of the JSON arrays.
    cases: Vec<String>,
    idles: Vec<String>,
}

impl Report {
    /// The first subject is the yardstick if there are several.
    pub(super) fn new(subjects: Vec<String>) -> Report {
        println!(
            "{:<16} {:<18} {:>10} {:>7} {:>9} {:>9} {:>9} {:>9} {:>7}",
            "case", "server", "msg/s", "ratio", "p50 ms", "p99 ms", "CPU us", "ours us", "failed"
        );
        Report { subjects, cases: Vec::new(), idles: Vec::new() }
    }

    /// The rounds of one case, for each subject.
    pub(super) fn case(&mut self, name: &str, samples: Vec<Vec<Sample>>) {
        let yardstick = median(&samples[0], |sample| sample.per_second);
        for (subject, rounds) in self.subjects.iter().zip(&samples) {
            let rate = median(rounds, |sample| sample.per_second);
            let (p50, p99) = (median(rounds, |sample| sample.p50_us), median(rounds, |sample| sample.p99_us));
            let cpu = rounds.iter().all(|sample| sample.cpu_us.is_some());
            let cpu = cpu.then(|| median(rounds, |sample| sample.cpu_us.unwrap_or_default()));
            let own = median(rounds, |sample| sample.own_cpu_us);
            let failed: u64 = rounds.iter().map(|sample| sample.failed).sum();
            let ratio = if yardstick > 0.0 { rate / yardstick } else { 0.0 };
            println!(
                "{name:<16} {subject:<18} {rate:>10.0} {ratio:>7.2} {:>9.3} {:>9.3} {:>9} {own:>9.0} {failed:>7}",
                p50 / 1e3,
                p99 / 1e3,
                cpu.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.0}")),
            );
            if let Some(bad) = rounds.iter().find(|sample| !sample.trouble.is_empty()) {
                println!("{:<16} {subject:<18} first trouble: {}", "", bad.trouble);
            }
            self.cases.push(format!(
                "{{\"case\": {}, \"server\": {}, \"per_second\": {rate:.1}, \"ratio\": {ratio:.3}, \
                 \"p50_us\": {p50:.0}, \"p99_us\": {p99:.0}, \"cpu_us\": {}, \"generator_cpu_us\": {own:.1}, \
                 \"failed\": {failed}, \"rounds_per_second\": [{}]}}",
                quoted(name),
                quoted(subject),
                cpu.map_or_else(|| "null".to_owned(), |cpu| format!("{cpu:.1}")),
                rounds.iter().map(|one| format!("{:.1}", one.per_second)).collect::<Vec<_>>().join(", "),
            ));
        }
    }

    /// The weight of one crowd of idle connections.
    pub(super) fn idle(&mut self, subject: &str, asked: usize, weighed: Result<Idle, String>) {
        let name = format!("idle/{asked}");
        let idle = match weighed {
            Ok(idle) => idle,
            Err(why) => {
                println!("{name:<16} {subject:<18} first trouble: {why}");
                return;
            }
        };
        let (rss, pss) = idle.per_connection();
        let missing = if idle.greeted < idle.asked {
            format!(", only {} greeted", idle.greeted)
        } else {
            String::new()
        };
        println!(
            "{name:<16} {subject:<18} {rss:.2} KiB RSS, {pss:.2} KiB PSS for each connection; \
             PSS {} -> {} KiB{missing}",
            idle.before.pss_kib, idle.after.pss_kib
        );
        self.idles.push(format!(
            "{{\"server\": {}, \"asked\": {asked}, \"greeted\": {}, \"rss_kib_each\": {rss:.3}, \
             \"pss_kib_each\": {pss:.3}, \"pss_kib_before\": {}, \"pss_kib_after\": {}}}",
            quoted(subject),
            idle.greeted,
            idle.before.pss_kib,
            idle.after.pss_kib
        ));
    }

    /// Explains the columns, and writes the JSON if it is wanted.
    pub(super) fn finish(self, json: Option<&Path>) -> Result<(), String> {
        println!(
            "\nmsg/s: accepted messages; p50, p99: from the end of the data to its reply; CPU us: processor time \
             of the\nserver for each message; ours us: the same of this generator; ratio: to {}.",
            self.subjects.first().map_or("nobody", String::as_str)
        );
        let Some(path) = json else { return Ok(()) };
        let text = format!(
            "{{\"cases\": [\n  {}\n], \"idle\": [\n  {}\n]}}\n",
            self.cases.join(",\n  "),
            self.idles.join(",\n  ")
        );
        std::fs::write(path, text).map_err(|err| format!("{}: {err}", path.display()))
    }
}

fn median(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let sample = |per_second| Sample { per_second, ..Sample::default() };
        assert_eq!(median(&[sample(3.0), sample(1.0), sample(2.0)], |one| one.per_second), 2.0);
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
    }
}
