// SPDX-License-Identifier: MIT

//! Takes out of a text what is private: the names of the machine and its users, what lies in their
//! home directories, and whatever identifies this very machine.

use crate::accounts::{self, User};
use crate::root::Root;
use crate::shell;
use crate::sysfs::identity;

/// The first number of accounts of people, as `login.defs` has it nearly everywhere. Directories of a
/// network begin anywhere above.
const FIRST_PERSON: u32 = 1000;
/// The same on older systems, whose people still have them where they were kept. Newer ones count down
/// to here for their services, whose full names are words such as "for".
const FIRST_PERSON_ONCE: u32 = 500;
/// `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;

/// The fewest characters of a part of somebody's name that is looked for: shorter ones are in
/// everything.
const SHORTEST: usize = 3;

/// The fewest characters of a serial number and the like that is looked for: firmware has them as "1"
/// and "None".
const SHORTEST_IDENTIFIER: usize = 6;

/// The fewest hexadecimal digits in a row that count as an identifier.
const IDENTIFIER: usize = 16;

/// What is private on one system.
#[derive(Debug)]
pub struct Redactor {
    /// Directories, the longest first: with all that is below.
    homes: Vec<String>,
    /// Words and phrases, the longest first.
    phrases: Vec<(String, &'static str)>,
}

impl Redactor {
    /// Learns what is private on the system, and beside that one user, whatever the number, and these
    /// phrases.
    pub fn of(
        root: &Root,
        subject: Option<&User>,
        phrases: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut homes = vec!["/root".to_owned(), "/home".to_owned()];
        let mut private = Vec::new();
        let mut hide = |phrase: &str, as_what| {
            let phrase = phrase.trim();
            if !phrase.is_empty() {
                private.push((phrase.to_owned(), as_what));
            }
        };
        let subject = subject.filter(|user| user.uid != 0);
        for user in accounts::users(root) {
            let is_subject = subject == Some(&user);
            let is_person = is_subject || may_be_person(user.uid, FIRST_PERSON);
            if !is_person && !may_be_person(user.uid, FIRST_PERSON_ONCE) {
                continue;
            }
            hide(&user.name, "<user>");
            // A name, a room, telephones.
            for part in user.full_name.split(',') {
                let words = part.split(' ').filter(|_| is_person);
                let names = std::iter::once(part).chain(words);
                let long = names.filter(|name| name.len() >= SHORTEST);
                long.for_each(|name| hide(name, "<user>"));
            }
            let home = user.home.trim_end_matches('/');
            if home.trim_matches('/').contains('/') || is_subject && !home.is_empty() {
                homes.push(home.to_owned());
            }
        }
        for (name, gid) in accounts::group_names(root) {
            if may_be_person(gid, FIRST_PERSON) {
                hide(&name, "<group>");
            }
        }
        for name in host_names(root) {
            hide(&name, "<host>");
        }
        for path in ["/etc/machine-id", "/var/lib/dbus/machine-id"] {
            if let Ok(Some(id)) = root.read(path) {
                hide(&id, "<id>");
            }
        }
        let long = |id: &String| id.len() >= SHORTEST_IDENTIFIER;
        for id in identity::identifiers(root).into_iter().filter(long) {
            hide(&id, "<id>");
        }
        for phrase in phrases {
            hide(&phrase, "<name>");
        }
        let longest_first = |text: &String| std::cmp::Reverse(text.len());
        homes.sort_by_key(longest_first);
        private.sort_by_key(|(phrase, _)| longest_first(phrase));
        Self {
            homes,
            phrases: private,
        }
    }

    /// The text without what is private.
    pub fn redact(&self, text: &str) -> String {
        let mut rest = text;
        let mut out = String::new();
        while let Some(c) = rest.chars().next() {
            let begins = out.chars().next_back().is_none_or(|c| !is_word(c));
            let found = begins
                .then(|| {
                    self.phrase(rest)
                        .or_else(|| self.home(rest))
                        .or_else(|| identifier(rest))
                })
                .flatten();
            match found {
                Some((len, instead)) => {
                    out.push_str(instead);
                    rest = &rest[len..];
                }
                None => {
                    out.push(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        out
    }

    /// A path in a home directory, up to the end of what looks like one.
    fn home(&self, text: &str) -> Option<(usize, &'static str)> {
        let home = self.homes.iter().find(|home| {
            let rest = text.strip_prefix(home.as_str());
            rest.is_some_and(|rest| !rest.starts_with(is_word))
        })?;
        let path = |c: char| !c.is_whitespace() && !":;,()'\"".contains(c);
        let rest = &text[home.len()..];
        let len = rest.find(|c| !path(c)).unwrap_or(rest.len());
        Some((home.len() + len, "<home>"))
    }

    fn phrase(&self, text: &str) -> Option<(usize, &'static str)> {
        self.phrases.iter().find_map(|(phrase, instead)| {
            let start = text.get(..phrase.len())?;
            let rest = &text[phrase.len()..];
            if !start.eq_ignore_ascii_case(phrase) || rest.starts_with(is_word) {
                return None;
            }
            // The domain of a host goes with its name.
            let domain = if *instead == "<host>" && rest.starts_with('.') {
                let in_name = |c: char| is_word(c) || c == '.' || c == '-';
                rest.find(|c| !in_name(c)).unwrap_or(rest.len())
            } else {
                0
            };
            Some((phrase.len() + domain, *instead))
        })
    }
}

/// A UUID, a hardware address, the digits of a key, or any long hexadecimal number.
fn identifier(text: &str) -> Option<(usize, &'static str)> {
    let in_it = |c: char| c.is_ascii_hexdigit() || c == '-' || c == ':';
    if let Some(number) = text.strip_prefix("0x") {
        return identifier(number).map(|(len, instead)| (len + 2, instead));
    }
    let len = text.find(|c| !in_it(c)).unwrap_or(text.len());
    let run = text[..len].trim_end_matches(['-', ':']);
    if text[run.len()..].starts_with(is_word) {
        return None;
    }
    let digits = run.chars().filter(char::is_ascii_hexdigit).count();
    let pairs = run.split(':').filter(|group| group.len() == 2).count();
    // A PCI address has two groups of two.
    (digits >= IDENTIFIER || pairs >= 5).then_some((run.len(), "<id>"))
}

/// Whether an account or a group with this number can be a person's, when theirs begin there.
fn may_be_person(number: u32, first: u32) -> bool {
    number >= first && number != NOBODY
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn host_names(root: &Root) -> Vec<String> {
    let mut names: Vec<String> = identity::host_name(root).into_iter().collect();
    names.extend(root.read("/etc/hostname").ok().flatten());
    if let Ok(Some(text)) = root.read("/etc/machine-info") {
        names.extend(shell::value(&text, "PRETTY_HOSTNAME"));
    }
    // What the machine calls itself, beside its name.
    let hosts = root.read("/etc/hosts").ok().flatten().unwrap_or_default();
    for line in hosts.lines() {
        let mut words = line.split_whitespace();
        if words
            .next()
            .is_some_and(|address| address.starts_with("127."))
        {
            let own = words.take_while(|word| !word.starts_with('#'));
            names.extend(own.map(str::to_owned));
        }
    }
    let first_labels: Vec<String> = names
        .iter()
        .filter_map(|name| Some(name.split_once('.')?.0.to_owned()))
        .collect();
    names.extend(first_labels);
    names.retain(|name| !name.starts_with("localhost"));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redactor() -> Redactor {
        Redactor {
            homes: vec!["/srv/people/ann".to_owned(), "/home".to_owned()],
            phrases: vec![
                ("Ann Smith".to_owned(), "<user>"),
                ("host".to_owned(), "<host>"),
                ("ann".to_owned(), "<user>"),
            ],
        }
    }

    #[test]
    fn what_is_private_goes_and_the_rest_stays() {
        for (text, left) in [
            ("ann may not use /dev/kfd", "<user> may not use /dev/kfd"),
            ("an annual banner", "an annual banner"),
            ("ANN, Ann Smith's", "<user>, <user>'s"),
            ("/home/ann/.bashrc:3", "<home>:3"),
            ("(/srv/people/ann/x)", "(<home>)"),
            ("/srv/people/anna", "/srv/people/anna"),
            ("host.example.org: up", "<host>: up"),
            ("hosts", "hosts"),
            ("0000:01:00.0 and gfx1010", "0000:01:00.0 and gfx1010"),
            ("UUID=0f1e2d3c-0011-2233-4455-66778899aabb", "UUID=<id>"),
            ("aa:bb:cc:dd:ee:ff", "<id>"),
            ("(11:22:33:44:55:66:77)", "(<id>)"),
            ("0x00112233445566778", "<id>"),
            (
                "7.2.12+deb13-amd64, 8573157376",
                "7.2.12+deb13-amd64, 8573157376",
            ),
        ] {
            assert_eq!(redactor().redact(text), left);
        }
    }

    /// A system with these files.
    fn learnt(files: &[(&str, &str)], subject: Option<&str>) -> Redactor {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        for (path, text) in files {
            let path = root.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let users = accounts::users(&root);
        let subject = users
            .iter()
            .find(|user| Some(user.name.as_str()) == subject);
        Redactor::of(&root, subject, ["Key of Ann".to_owned()])
    }

    #[test]
    fn people_are_told_from_services_and_the_subject_is_always_one() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n\
            alice:x:501:501:Alice Liddell:/Users/alice:/bin/sh\n\
            polkitd:x:991:991:User for polkitd:/:/usr/sbin/nologin\n\
            bob:x:70000:70000:Robert Roe,Room 7:/data/bob:/bin/sh\n\
            runner:x:300:300:Jane Doe:/runner:/bin/sh\n\
            nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
        let group = "render:x:992:alice\nacme:x:1500:bob\nnogroup:x:65534:\n";
        let files = [("/etc/passwd", passwd), ("/etc/group", group)];
        let text = "alice, Alice Liddell, /Users/alice/x; bob, Roe, /data/bob/x; runner, Doe, \
            /runner/x; render, acme, nogroup; nobody; a reason for it; Key of Ann; root";
        let left =
            "<user>, <user>, <home>; <user>, <user>, <home>; runner, Doe, /runner/x; render, \
            <group>, nogroup; nobody; a reason for it; <name>; root";
        assert_eq!(learnt(&files, None).redact(text), left);
        assert_eq!(learnt(&files, Some("root")).redact(text), left);
        let subject = left.replace("runner, Doe, /runner/x", "<user>, <user>, <home>");
        assert_eq!(learnt(&files, Some("runner")).redact(text), subject);
    }

    #[test]
    fn serial_numbers_that_are_none_take_nothing_away() {
        let files = [
            ("/sys/class/dmi/id/product_serial", "1"),
            ("/sys/class/dmi/id/board_serial", "None"),
            ("/sys/class/dmi/id/chassis_serial", "SER1AL"),
        ];
        let text = "noretry=1 None SER1AL";
        assert_eq!(learnt(&files, None).redact(text), "noretry=1 None <id>");
    }

    proptest! {
        #[test]
        fn no_text_panics_nor_keeps_a_name(text: String) {
            redactor().redact(&text);
            let left = redactor().redact(&format!("{text} ann {text}"));
            prop_assert!(!left.contains(" ann "), "{left}");
        }

        #[test]
        fn nor_does_a_jumble_of_what_means_something(text in "[an0f:./ \\-x]{0,40}") {
            redactor().redact(&text);
        }
    }
}
