//! A page of numbers in the text form that Prometheus and its kin read (exposition format 0.0.4).

use super::counter::Histogram;
use std::fmt::Write;

/// What all names begin with.
pub(super) const PREFIX: &str = "smtpserver_";

/// What kind of numbers a family has.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, their sum and their count.
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// The page as far as it is written. Samples belong to the family named last.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    family: &'static str,
}

/// Labels: names and values, all words of ours without quotes and backslashes.
type Labels<'a> = &'a [(&'static str, &'a str)];

impl Page {
    /// Begins a family. Its explanation is one line without backslashes.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) {
        self.family = name;
        self.write(format_args!("# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {}\n", kind.name()));
    }

    /// A number of the family.
    pub(super) fn sample(&mut self, labels: Labels<'_>, value: u64) {
        self.line("", labels, None, &value.to_string());
    }

    /// A time of the family, given in microseconds, shown in seconds.
    pub(super) fn seconds(&mut self, labels: Labels<'_>, micros: u64) {
        self.line("", labels, None, &seconds(micros));
    }

    /// A histogram of times, kept in microseconds, shown in seconds.
    pub(super) fn times(&mut self, labels: Labels<'_>, histogram: &Histogram) {
        self.histogram(labels, histogram, seconds);
    }

    /// A histogram of numbers.
    pub(super) fn numbers(&mut self, labels: Labels<'_>, histogram: &Histogram) {
        self.histogram(labels, histogram, |value| value.to_string());
    }

    fn histogram(&mut self, labels: Labels<'_>, histogram: &Histogram, show: impl Fn(u64) -> String) {
        let mut all = 0;
        histogram.each(|bound, count| {
            let bound = bound.map_or("+Inf".into(), &show);
            self.line("_bucket", labels, Some(&bound), &count.to_string());
            all = count;
        });
        self.line("_sum", labels, None, &show(histogram.sum()));
        self.line("_count", labels, None, &all.to_string());
    }

    fn line(&mut self, part: &str, labels: Labels<'_>, bound: Option<&str>, value: &str) {
        let family = self.family;
        self.write(format_args!("{PREFIX}{family}{part}"));
        let mut mark = '{';
        for (name, word) in labels.iter().copied().chain(bound.map(|bound| ("le", bound))) {
            self.write(format_args!("{mark}{name}=\"{word}\""));
            mark = ',';
        }
        let end = if mark == ',' { "}" } else { "" };
        self.write(format_args!("{end} {value}\n"));
    }

    fn write(&mut self, words: std::fmt::Arguments<'_>) {
        self.text.write_fmt(words).expect("writing to memory");
    }

    /// The whole page.
    pub(super) fn text(self) -> String {
        self.text
    }
}

/// Seconds, with as many decimals as they need.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_page() {
        let histogram = Histogram::new(&[500, 1_000_000]);
        [500, 501, 2_000_000].iter().for_each(|value| histogram.observe(*value));
        let mut page = Page::default();
        page.family("x_total", Kind::Counter, "Xs.");
        page.sample(&[], 7);
        page.sample(&[("a", "b"), ("c", "d-e")], 8);
        page.family("y_seconds", Kind::Histogram, "Ys.");
        page.times(&[("z", "1")], &histogram);
        let wanted = "# HELP smtpserver_x_total Xs.\n# TYPE smtpserver_x_total counter\nsmtpserver_x_total 7\n\
            smtpserver_x_total{a=\"b\",c=\"d-e\"} 8\n\
            # HELP smtpserver_y_seconds Ys.\n# TYPE smtpserver_y_seconds histogram\n\
            smtpserver_y_seconds_bucket{z=\"1\",le=\"0.0005\"} 1\n\
            smtpserver_y_seconds_bucket{z=\"1\",le=\"1\"} 2\n\
            smtpserver_y_seconds_bucket{z=\"1\",le=\"+Inf\"} 3\n\
            smtpserver_y_seconds_sum{z=\"1\"} 2.001001\nsmtpserver_y_seconds_count{z=\"1\"} 3\n";
        assert_eq!(page.text(), wanted);
    }
}
