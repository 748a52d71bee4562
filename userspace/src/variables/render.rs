// SPDX-License-Identifier: MIT

//! An environment as text that a shell or systemd reads. One statement a line, each ended so that it
//! survives an `eval` that makes one line of them.

use super::gfx_override::steppings;
use super::job::{Facts, Job, Unset};
use crate::report::printable;

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// sh, and the shells like it.
    Sh,
    /// fish.
    Fish,
    /// systemd's `EnvironmentFile=`, which cannot take a variable away: comments tell of those.
    Systemd,
}

impl Reader {
    /// The environment, with what each line is for if that is wanted.
    pub fn render(self, job: &Job, comments: bool) -> String {
        let mut text = String::new();
        let mut add = |name: &str, facts: &Facts, statement: String| {
            if comments {
                text += &comment(name, facts);
            }
            text += &statement;
            text.push('\n');
        };
        for unset in &job.unset {
            add(&unset.name, &unset.facts, self.unset(unset));
        }
        for set in &job.set {
            add(&set.name, &set.facts, self.set(&set.name, &set.value));
        }
        text
    }

    fn set(self, name: &str, value: &str) -> String {
        let value = self.quote(value);
        match self {
            Self::Sh => format!("export {name}={value};"),
            Self::Fish => format!("set -gx {name} {value};"),
            Self::Systemd => format!("{name}={value}"),
        }
    }

    fn unset(self, Unset { name, unless, .. }: &Unset) -> String {
        match (self, unless) {
            (Self::Sh, None) => format!("unset {name};"),
            // With nothing but blanks before it.
            (Self::Sh, Some(series)) => {
                let version = format!("*{series}.[{}]", steppings(series));
                format!(
                    "case ${{{name}-}} in *[![:space:]]{version}) unset {name} ;; {version}) ;; \
                     *) unset {name} ;; esac;"
                )
            }
            (Self::Fish, None) => format!("set -e {name};"),
            (Self::Fish, Some(series)) => {
                let version = series.replace('.', "\\.");
                let steppings = steppings(series);
                format!(
                    "string match -qr '^\\s*{version}\\.[{steppings}]\\z' -- \"${name}\"; \
                     or set -e {name};"
                )
            }
            (Self::Systemd, None) => {
                format!("# the unit itself has to say: UnsetEnvironment={name}")
            }
            (Self::Systemd, Some(series)) => format!(
                "# the unit itself has to say, unless the value is {series}.N: UnsetEnvironment={name}"
            ),
        }
    }

    /// Directories that go before those that a variable has.
    pub fn prepend(self, name: &str, directories: &[String]) -> String {
        let list = self.quote(&directories.join(":"));
        match self {
            Self::Sh => format!("export {name}={list}\"${{{name}:+:${name}}}\";"),
            Self::Fish => {
                let each: Vec<String> = directories.iter().map(|one| self.quote(one)).collect();
                format!("set -gx {name} {} ${name};", each.join(" "))
            }
            // It cannot say what else is in it.
            Self::Systemd if name == "PATH" => {
                format!("# the unit itself has to say, with all else that it needs: PATH={list}")
            }
            Self::Systemd => format!("{name}={list}"),
        }
    }

    /// A value as one word that means just itself.
    pub fn quote(self, value: &str) -> String {
        let (quote, escaped): (char, &[char]) = match self {
            Self::Sh => return format!("'{}'", value.replace('\'', "'\\''")),
            Self::Fish => ('\'', &['\\', '\'']),
            Self::Systemd => ('"', &['\\', '"', '`', '$']),
        };
        let mut quoted = String::from(quote);
        for c in value.chars() {
            if escaped.contains(&c) {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        quoted.push(quote);
        quoted
    }
}

fn comment(name: &str, facts: &Facts) -> String {
    let mut text = format!("# {name}");
    for (label, fact) in [
        (": ", facts.what),
        (". Since: ", facts.since),
        (". Source: ", facts.source.as_deref()),
    ] {
        if let Some(fact) = fact {
            text += label;
            text += fact;
        }
    }
    printable(&text) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variables::harms;
    use crate::variables::job::Set;
    use crate::variables::known::OVERRIDE;
    use crate::variables::testing::gpus;
    use proptest::prelude::*;
    use std::process::Command;

    const FACTS: Facts = Facts {
        what: None,
        since: None,
        source: None,
    };

    fn job(set: &[(&str, &str)], unset: &[(&str, Option<&str>)]) -> Job {
        Job {
            set: set
                .iter()
                .map(|(name, value)| Set {
                    name: (*name).to_owned(),
                    value: (*value).to_owned(),
                    profile: String::new(),
                    facts: FACTS,
                })
                .collect(),
            unset: unset
                .iter()
                .map(|(name, unless)| Unset {
                    name: (*name).to_owned(),
                    unless: unless.map(str::to_owned),
                    profile: String::new(),
                    facts: FACTS,
                })
                .collect(),
            warnings: Vec::new(),
        }
    }

    /// What a program started by this shell sees of A after the text; `None` where there is no such
    /// shell, or no A.
    fn a_after(shell: &str, text: &str, before: &str) -> Option<String> {
        let script = format!("{text}\nprintenv A\n");
        let output = Command::new(shell)
            .args(["-c", &script])
            .env("A", before)
            .output();
        let Ok(output) = output else {
            eprintln!("skipped: {shell} is not installed");
            return None;
        };
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{text}");
        let mut value = String::from_utf8(output.stdout).unwrap();
        (value.pop() == Some('\n')).then_some(value)
    }

    fn installed(shell: &str) -> bool {
        Command::new(shell).args(["-c", "exit"]).output().is_ok()
    }

    #[test]
    fn each_reader_has_its_statements() {
        let job = job(&[("B", "it's")], &[("A", None), ("C", Some("10.3"))]);
        assert_eq!(
            Reader::Sh.render(&job, false),
            "unset A;\ncase ${C-} in *[![:space:]]*10.3.[0123456]) unset C ;; *10.3.[0123456]) ;; \
             *) unset C ;; esac;\nexport B='it'\\''s';\n"
        );
        assert_eq!(
            Reader::Fish.render(&job, false),
            "set -e A;\nstring match -qr '^\\s*10\\.3\\.[0123456]\\z' -- \"$C\"; or set -e C;\n\
             set -gx B 'it\\'s';\n"
        );
        let systemd = Reader::Systemd.render(&job, false);
        assert!(systemd.ends_with("B=\"it's\"\n"), "{systemd}");
        let comments = systemd.lines().filter(|line| line.starts_with('#'));
        assert_eq!(comments.count(), 2);
    }

    #[test]
    fn a_harmless_version_stays_and_every_other_value_goes() {
        let job = job(&[], &[("A", Some("10.3"))]);
        for (reader, shell) in [
            (Reader::Sh, "sh"),
            (Reader::Sh, "bash"),
            (Reader::Sh, "zsh"),
            (Reader::Fish, "fish"),
        ] {
            if !installed(shell) {
                eprintln!("skipped: {shell} is not installed");
                continue;
            }
            let text = reader.render(&job, true);
            let after = |before: &str| a_after(shell, &text, before);
            // As `run` judges.
            let gpus = gpus(&["gfx1030"]);
            for value in [
                "10.3.1",
                " \t10.3.6",
                "\n10.3.0",
                "10.1.0",
                "",
                "10.3",
                "10.3.0.1",
                "x10.3.0",
                "10x3.0",
                "10.3.*",
                "10.3.7",
                "10.3.10",
                "10.3.0 ",
                "10.3.0\n",
                "1 10.3.0",
                "010.3.0",
                "10.3.010.3.0",
                " ",
            ] {
                let stays = !harms(OVERRIDE, value, &gpus);
                let left = stays.then_some(value);
                assert_eq!(after(value).as_deref(), left, "{shell}: {value:?}");
            }
        }
    }

    #[test]
    fn directories_go_before_those_that_are_there() {
        let directories = ["/a b".to_owned(), "/it's".to_owned()];
        for (reader, shell) in [
            (Reader::Sh, "sh"),
            (Reader::Sh, "bash"),
            (Reader::Sh, "zsh"),
            (Reader::Fish, "fish"),
        ] {
            if !installed(shell) {
                eprintln!("skipped: {shell} is not installed");
                continue;
            }
            let text = reader.prepend("A", &directories);
            if reader == Reader::Sh {
                let after = a_after(shell, &text, "/c:/d");
                assert_eq!(after.as_deref(), Some("/a b:/it's:/c:/d"), "{shell}");
                let after = a_after(shell, &text, "");
                assert_eq!(after.as_deref(), Some("/a b:/it's"), "{shell}");
            } else {
                assert!(a_after(shell, &text, "").is_some(), "{shell}");
            }
        }
        let systemd = |name| Reader::Systemd.prepend(name, &directories);
        assert_eq!(systemd("A"), "A=\"/a b:/it's\"");
        assert!(systemd("PATH").starts_with('#'));
    }

    #[test]
    fn without_line_breaks_it_is_still_the_same() {
        let job = job(&[("A", "1")], &[("B", Some("10.3")), ("C", None)]);
        let text = Reader::Sh.render(&job, false).replace('\n', " ");
        assert_eq!(a_after("sh", &text, "").as_deref(), Some("1"));
    }

    #[test]
    fn a_comment_is_one_line() {
        let mut job = job(&[("A", "1")], &[]);
        job.set[0].facts.source = Some("/x\nexport A=2".to_owned());
        let text = Reader::Sh.render(&job, true);
        assert_eq!(a_after("sh", &text, "").as_deref(), Some("1"), "{text}");
    }

    /// As systemd reads a file of variables.
    fn systemd_reads(text: &str) -> Option<String> {
        let value = text.strip_prefix("A=\"")?.strip_suffix("\"\n")?;
        let mut chars = value.chars();
        let mut read = String::new();
        while let Some(c) = chars.next() {
            match c {
                '\\' => read.extend(chars.next()),
                '"' => return None,
                _ => read.push(c),
            }
        }
        Some(read)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn a_shell_judges_as_run_does(value in "[ \t\n+x]{0,2}(10\\.[13]\\.[0-9]{1,2}|[0-9. ]{0,8})[ \n]?") {
            let text = Reader::Sh.render(&job(&[], &[("A", Some("10.1"))]), false);
            let stays = !harms(OVERRIDE, &value, &gpus(&["gfx1010"]));
            prop_assert_eq!(a_after("sh", &text, &value), stays.then_some(value));
        }

        #[test]
        fn a_shell_gets_every_value_as_it_was(value in "[^\0]{0,30}", odd in "['\"\\\\$`!*?~#; \n()a-]{0,20}") {
            for value in [value, odd] {
                let job = job(&[("A", &value)], &[]);
                for (reader, shell) in [(Reader::Sh, "sh"), (Reader::Fish, "fish")] {
                    if let Some(seen) = a_after(shell, &reader.render(&job, false), "") {
                        prop_assert_eq!(&seen, &value, "{}", shell);
                    } else {
                        prop_assert!(!installed(shell));
                    }
                }
                let text = Reader::Systemd.render(&job, false);
                prop_assert_eq!(systemd_reads(&text), Some(value), "{}", text);
            }
        }
    }
}
