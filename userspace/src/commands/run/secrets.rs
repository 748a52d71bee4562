// SPDX-License-Identifier: MIT

//! What looks like a secret in a job's command and environment, by the name before it.

/// What the names of variables and options have in them whose values are kept from everybody.
const IN_NAMES: [&str; 9] = [
    "TOKEN",
    "KEY",
    "PASS",
    "PWD",
    "SECRET",
    "CREDENTIAL",
    "AUTH",
    "COOKIE",
    "BEARER",
];
/// The same as a word of the name, for they are in many others: a personal access token, a JSON web token.
const WORDS: [&str; 2] = ["PAT", "JWT"];
/// Directories, for all that is in their names.
const DIRECTORIES: [&str; 2] = ["PWD", "OLDPWD"];
pub(super) const HIDDEN: &str = "<hidden>";

/// Whether what has this name is a secret.
fn is_secret(name: &str) -> bool {
    if DIRECTORIES.contains(&name) {
        return false;
    }
    let name = name.to_uppercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    IN_NAMES.iter().any(|secret| name.contains(secret)) || words.any(|word| WORDS.contains(&word))
}

/// The value of a variable.
pub(super) fn value(name: &str, value: &str) -> String {
    match is_secret(name) {
        true => HIDDEN.to_owned(),
        false => text(value),
    }
}

/// The words of a command. An option may have its value in the next one.
pub(super) fn words(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut hide_next = false;
    words
        .map(|word| {
            let hide = std::mem::replace(&mut hide_next, announces(&word));
            match hide {
                true => HIDDEN.to_owned(),
                false => text(&word),
            }
        })
        .collect()
}

/// Whether a word says that the next one is a secret: `--token`, and `HF_TOKEN`, but no file.
fn announces(word: &str) -> bool {
    let name = word.trim_end_matches([':', '=']);
    name.chars().all(in_name) && !is_file(name) && is_secret(name)
}

/// A text, such as a script, up to the first secret in it: where that ends cannot be told for sure.
fn text(whole: &str) -> String {
    let mut at = 0;
    while let Some(begin) = whole[at..].find(in_name).map(|begin| at + begin) {
        let rest = &whole[begin..];
        let end = begin + rest.find(|c| !in_name(c)).unwrap_or(rest.len());
        let name = &whole[begin..end];
        let after = &whole[end..];
        if is_secret(name) && is_followed_by_its_value(name, after) || is_user_of(after) {
            let value =
                after.trim_start_matches(|c: char| c.is_whitespace() || "=:/'\"".contains(c));
            return format!("{}{HIDDEN}", &whole[..whole.len() - value.len()]);
        }
        at = end;
    }
    whole.to_owned()
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || "_-.".contains(c)
}

/// Whether a name is that of a file rather than of an option.
fn is_file(name: &str) -> bool {
    name.contains('.') && !name.starts_with('-')
}

/// What comes after a name in a path, in a list of paths, and after a file is no value of the name.
fn is_followed_by_its_value(name: &str, after: &str) -> bool {
    let mut chars = after.chars();
    match (chars.next(), chars.next()) {
        (None | Some('/'), _) | (Some(':'), None | Some('/')) => false,
        (Some(c), _) if c.is_whitespace() => !is_file(name),
        _ => true,
    }
}

/// Whether a scheme's name is before this, and a user in the address: `://user:password@host`.
fn is_user_of(after: &str) -> bool {
    let address = after.strip_prefix("://").and_then(|rest| {
        rest.split(|c: char| c.is_whitespace() || "/?#'\"".contains(c))
            .next()
    });
    address.is_some_and(|host| host.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn command(words: &[&str]) -> String {
        super::words(words.iter().map(|word| (*word).to_owned())).join(" ")
    }

    #[test]
    fn names_tell_what_is_secret() {
        for name in [
            "HF_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "wandb_api_key",
            "MyPassword",
            "DB_PASS",
            "SSHPASS",
            "MYSQL_PWD",
            "GITHUB_PAT",
            "pat",
            "BASIC_AUTH",
            "HTTP_AUTHORIZATION",
            "SESSION_COOKIE",
            "GOOGLE_APPLICATION_CREDENTIALS",
        ] {
            assert_eq!(value(name, "x"), HIDDEN, "{name}");
        }
        for name in ["PATH", "PWD", "OLDPWD", "PATTERN", "HSA_USE_SVM"] {
            assert_eq!(value(name, "/x y=1"), "/x y=1", "{name}");
        }
    }

    #[test]
    fn secrets_in_words_are_hidden_and_the_rest_is_not() {
        for (words, left) in [
            (
                &[
                    "python3",
                    "--hf-token",
                    "x",
                    "--api-key=y",
                    "TOKEN=z",
                    "--lr",
                    "0.1",
                ][..],
                "python3 --hf-token <hidden> --api-key=<hidden> TOKEN=<hidden> --lr 0.1",
            ),
            (
                &["sh", "-c", "A=1 train --hf-token x"],
                "sh -c A=1 train --hf-token <hidden>",
            ),
            (
                &["curl", "-H", "Authorization: Bearer x", "http://a/b"],
                "curl -H Authorization: <hidden> http://a/b",
            ),
            (
                &["curl", "http://ann:pw@proxy:3128/x"],
                "curl http://<hidden>",
            ),
            (
                &["sh", "-c", "pip -i http://a/b http://pw@c"],
                "sh -c pip -i http://a/b http://<hidden>",
            ),
            (
                &["--trainer.api_key", "x", "train_tokens.py", "data"],
                "--trainer.api_key <hidden> train_tokens.py data",
            ),
            (
                &["python3 tokens.py a/keys:/pass/b http://host/a:b@c ann@host"],
                "python3 tokens.py a/keys:/pass/b http://host/a:b@c ann@host",
            ),
            (
                &["python3", "-c", "login(token='x')"],
                "python3 -c login(token='<hidden>",
            ),
        ] {
            assert_eq!(command(words), left);
        }
    }

    proptest! {
        #[test]
        fn no_planted_secret_is_left(
            before in "[A-Z]{0,3}_|[a-z]{1,3}[-.]|", kind in 0usize..11, after in "_[A-Z]{1,3}|-[a-z]{1,3}|",
            script in "([A-Z]=[0-9] )?(export )?(python3 [a-z]{1,5}.py )?",
        ) {
            const SECRET: &str = "5e5ame";
            let kind = [&IN_NAMES[..], &WORDS].concat()[kind];
            let name = format!("{before}{kind}{after}");
            prop_assume!(!DIRECTORIES.contains(&name.as_str()));
            prop_assert_eq!(value(&name, SECRET), HIDDEN);
            for name in [name.clone(), name.to_lowercase()] {
                let option = format!("--{name}");
                for words in [
                    &[option.as_str(), SECRET][..],
                    &[&format!("{option}={SECRET}")],
                    &[&format!("{name}={SECRET}")],
                    &[&format!("{script}{option} {SECRET}")],
                    &[&format!("{script}{option}={SECRET}")],
                    &[&format!("{script}{name}='{SECRET}'")],
                    &[&format!("{script}\"{name}\": \"{SECRET}\"")],
                    &[&format!("{script}-H '{name}: {SECRET}'")],
                ] {
                    let left = command(words);
                    prop_assert!(!left.contains(SECRET), "{words:?}: {left}");
                    let set = value("ARGUMENTS", &words.join(" "));
                    prop_assert!(!set.contains(SECRET), "{set}");
                }
            }
        }

        #[test]
        fn no_words_panic(words: Vec<String>) {
            prop_assert_eq!(super::words(words.iter().cloned()).len(), words.len());
        }
    }
}
