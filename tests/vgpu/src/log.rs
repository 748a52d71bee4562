// SPDX-License-Identifier: MIT
//! The log of register accesses, one text line each, by register name; and the record of accesses
//! to registers no list names. It decides nothing about what a register does.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

/// Who made an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The driver, through the register BAR.
    Cpu,
    /// A packet on an SDMA ring.
    Sdma,
    /// A packet on a ring of the command processor.
    Cp,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Origin::Cpu => "cpu",
            Origin::Sdma => "sdma",
            Origin::Cp => "cp",
        })
    }
}

/// Reads and writes of one unnamed register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

#[derive(Default)]
pub(crate) struct Log {
    sink: Option<Box<dyn Write + Send>>,
    unknown: BTreeMap<u32, Count>,
}

impl Log {
    pub(crate) fn set_sink(&mut self, sink: Box<dyn Write + Send>) {
        self.sink = Some(sink);
    }

    /// `R cpu 0x02881 GCVM_CONTEXT1_CNTL 0x00555407`; an unnamed register shows as `?`.
    pub(crate) fn read(&mut self, origin: Origin, dword: u32, name: Option<&str>, value: u32) {
        if name.is_none() {
            self.unknown.entry(dword).or_default().reads += 1;
        }
        self.register('R', origin, dword, name, value);
    }

    pub(crate) fn write(&mut self, origin: Origin, dword: u32, name: Option<&str>, value: u32) {
        if name.is_none() {
            self.unknown.entry(dword).or_default().writes += 1;
        }
        self.register('W', origin, dword, name, value);
    }

    /// A remark: something other than a register access.
    pub(crate) fn note(&mut self, text: fmt::Arguments<'_>) {
        self.line(format_args!("# {text}\n"));
    }

    pub(crate) fn unknown(&self) -> &BTreeMap<u32, Count> {
        &self.unknown
    }

    pub(crate) fn flush(&mut self) {
        if let Some(sink) = &mut self.sink {
            let _ = sink.flush();
        }
    }

    fn register(&mut self, kind: char, origin: Origin, dword: u32, name: Option<&str>, value: u32) {
        let name = name.unwrap_or("?");
        self.line(format_args!(
            "{kind} {origin} {dword:#07x} {name} {value:#010x}\n"
        ));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        let Some(sink) = &mut self.sink else { return };
        // One write call per line keeps lines whole in a file.
        if let Err(error) = sink.write_all(line.to_string().as_bytes()) {
            eprintln!("rmcp-vgpu: the register log ends here: {error}");
            self.sink = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(data);
            Ok(data.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_name_the_register() {
        let sink = Shared::default();
        let mut log = Log::default();
        log.set_sink(Box::new(sink.clone()));
        log.write(Origin::Cpu, 0x2881, Some("GCVM_CONTEXT1_CNTL"), 0x0055_5407);
        log.read(Origin::Sdma, 0x1_2345, None, 0);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text,
            "W cpu 0x02881 GCVM_CONTEXT1_CNTL 0x00555407\nR sdma 0x12345 ? 0x00000000\n"
        );
    }

    #[test]
    fn only_unnamed_registers_are_counted() {
        let mut log = Log::default();
        log.read(Origin::Cpu, 1, Some("NAME"), 0);
        log.read(Origin::Cpu, 2, None, 0);
        log.write(Origin::Cpu, 2, None, 0);
        log.write(Origin::Cpu, 2, None, 0);
        assert_eq!(
            log.unknown().iter().collect::<Vec<_>>(),
            [(
                &2,
                &Count {
                    reads: 1,
                    writes: 2
                }
            )]
        );
    }
}
