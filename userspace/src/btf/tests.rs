// SPDX-License-Identifier: MIT

//! What the reader answers on BTF of each kind, and that no bytes make it panic or loop.

use proptest::prelude::*;

use super::testing::{MemberSpec, Writer};
use super::*;

/// A base with `int`, `u32`, `struct device`, and a module on top that uses them.
fn base_and_module() -> (Vec<u8>, Vec<u8>) {
    let mut w = Writer::new();
    let int = w.int("int", 4, true);
    let uint = w.int("unsigned int", 4, false);
    let u32_ = w.typedef("u32", uint);
    let device = w.structure("device", 16, &[MemberSpec::at("id", u32_, 8)]);
    w.all_other_kinds(int);

    let mut m = Writer::split(&w);
    let tagged = m.qualified(Kind::TypeTag, device);
    let constant = m.qualified(Kind::Const, tagged);
    let pointer = m.pointer(constant);
    let restricted = m.qualified(Kind::Restrict, pointer);
    let volatile = m.qualified(Kind::Volatile, u32_);
    let table = m.array(volatile, 3);
    let tables = m.array(table, 2);
    let inner = m.structure("", 8, &[MemberSpec::at("deep", volatile, 4)]);
    let either = m.union("", 8, &[MemberSpec::at("", inner, 0)]);
    m.forward("gpu");
    let gpu = m.structure(
        "gpu",
        64,
        &[
            MemberSpec::at("dev", restricted, 0),
            MemberSpec::at("", either, 8),
            MemberSpec::at("tables", tables, 16),
        ],
    );
    let gpu_pointer = m.pointer(gpu);
    m.enumeration("block", &[("GC", 1), ("MAX", 5)]);
    m.enumeration64("wide", &[("LOW", -2), ("HIGH", 1 << 40)]);
    let callback = m.function("call", int, &[("gpu", gpu_pointer), ("n", u32_)]);
    m.function(
        "log",
        TypeId::VOID,
        &[("fmt", restricted), ("", TypeId::VOID)],
    );
    m.function("none", callback, &[]);
    m.all_other_kinds(gpu);
    (w.blob(), m.blob())
}

/// Runs `check` on the fixture.
fn with_module(check: impl FnOnce(&Btf<'_>)) {
    let (base, module) = base_and_module();
    let base = Btf::parse(&base).expect("base");
    check(&Btf::parse_split(&module, &base).expect("module"));
}

#[test]
fn a_member_in_an_anonymous_union_of_structs_is_found() {
    with_module(|btf| {
        let gpu = btf.structs("gpu").unwrap()[0].id;
        let deep = btf.member(gpu, "deep").unwrap().unwrap();
        assert_eq!((deep.offset, deep.size), (12, 4));
        assert_eq!(btf.type_name(deep.type_id).unwrap(), "volatile u32");
        assert_eq!(btf.member(gpu, "absent"), Ok(None));
    });
}

#[test]
fn a_split_type_refers_to_its_base() {
    with_module(|btf| {
        let gpu = btf.structs("gpu").unwrap()[0].id;
        let dev = btf.member(gpu, "dev").unwrap().unwrap();
        assert_eq!(
            btf.type_name(dev.type_id).unwrap(),
            "const struct device *restrict"
        );
        let Shape::Pointer(target) = btf.shape(dev.type_id).unwrap() else {
            panic!("no pointer");
        };
        let device = btf.peel(target).unwrap();
        assert_eq!(btf.name(&device).unwrap(), "device");
        assert_eq!(btf.member(target, "id").unwrap().unwrap().offset, 8);
    });
}

#[test]
fn arrays_have_the_size_of_all_elements() {
    with_module(|btf| {
        let gpu = btf.structs("gpu").unwrap()[0].id;
        let tables = btf.member(gpu, "tables").unwrap().unwrap();
        assert_eq!((tables.offset, tables.size), (16, 24));
        assert_eq!(btf.type_name(tables.type_id).unwrap(), "volatile u32[3][2]");
    });
}

#[test]
fn prototypes_read_like_c() {
    with_module(|btf| {
        let name = |function: &str| {
            let prototypes = btf.prototypes(function).unwrap();
            btf.prototype_name(&prototypes[0]).unwrap()
        };
        assert_eq!(name("call"), "int (struct gpu *gpu, u32 n)");
        assert_eq!(name("log"), "void (const struct device *restrict fmt, ...)");
        assert_eq!(name("none"), "function call (void)");
        assert_eq!(btf.prototypes("absent"), Ok(vec![]));
    });
}

#[test]
fn enumerators_of_both_widths() {
    with_module(|btf| {
        assert_eq!(btf.enumerator("block", "GC"), Ok(vec![Some(1)]));
        assert_eq!(btf.enumerator("block", "SDMA"), Ok(vec![None]));
        assert_eq!(btf.enumerator("wide", "LOW"), Ok(vec![Some(-2)]));
        assert_eq!(btf.enumerator("wide", "HIGH"), Ok(vec![Some(1 << 40)]));
        assert_eq!(btf.enumerator("absent", "GC"), Ok(vec![]));
    });
}

#[test]
fn a_forward_declaration_is_no_definition() {
    with_module(|btf| {
        assert_eq!(btf.structs("gpu").unwrap().len(), 1);
        assert_eq!(btf.named(Kind::Fwd, "gpu").unwrap().len(), 0);
    });
}

#[test]
fn bitfields_are_refused_in_both_encodings() {
    let mut w = Writer::new();
    let int = w.int("int", 4, true);
    let name = 0;
    let narrow = w.raw(name, 1 << 24, 4, &[7]);
    let mut field = MemberSpec::at("field", int, 0);
    field.bitfield = 3;
    let new = w.structure("new", 8, &[field, MemberSpec::at("after", int, 4)]);
    let old = w.structure("old", 8, &[MemberSpec::at("field", narrow, 0)]);
    let mut odd = MemberSpec::at("field", int, 0);
    odd.bits = 4;
    let odd = w.structure("odd", 8, &[odd]);

    let blob = w.blob();
    let btf = Btf::parse(&blob).unwrap();
    for id in [new, old, odd] {
        assert_eq!(
            btf.member(id, "field"),
            Err(BtfError::Bitfield {
                id,
                member: "field".to_owned()
            })
        );
    }
    assert_eq!(btf.member(new, "after").unwrap().unwrap().offset, 4);
}

#[test]
fn a_member_past_the_end_is_refused() {
    let mut w = Writer::new();
    let int = w.int("int", 4, true);
    let id = w.structure("s", 8, &[MemberSpec::at("m", int, 6)]);
    let blob = w.blob();
    let error = Btf::parse(&blob).unwrap().member(id, "m").unwrap_err();
    assert_eq!(
        error.to_string(),
        "member `m` of type [2] ends at byte 10, but the type has only 8 bytes"
    );
}

#[test]
fn a_circle_of_typedefs_is_an_error() {
    let mut w = Writer::new();
    let next = TypeId(w.next_id().0 + 1);
    let first = w.typedef("a", next);
    w.typedef("b", first);
    let own_pointer = w.next_id();
    w.pointer(own_pointer);
    let own_array = w.next_id();
    w.array(own_array, 1);
    let blob = w.blob();
    let btf = Btf::parse(&blob).unwrap();
    let cycle = |id| BtfError::Cycle { id, limit: 64 };
    assert_eq!(btf.peel(first).unwrap_err(), cycle(first));
    assert_eq!(btf.size_of(first).unwrap_err(), cycle(first));
    assert_eq!(btf.size_of(own_array).unwrap_err(), cycle(own_array));
    assert_eq!(btf.type_name(own_pointer).unwrap_err(), cycle(own_pointer));
}

#[test]
fn anonymous_structs_nested_in_pairs_take_no_exponential_time() {
    let mut w = Writer::new();
    let mut inner = w.structure("", 4, &[]);
    for _ in 0..60 {
        let pair = [MemberSpec::at("", inner, 0), MemberSpec::at("", inner, 0)];
        inner = w.structure("", 4, &pair);
    }
    let blob = w.blob();
    let btf = Btf::parse(&blob).unwrap();
    let error = btf.member(inner, "absent").unwrap_err();
    assert_eq!(
        error.to_string(),
        "16385 members in type [61], expected at most 16384"
    );
}

#[test]
fn a_member_that_is_there_twice_is_an_error() {
    let mut w = Writer::new();
    let int = w.int("int", 4, true);
    let twice = [MemberSpec::at("m", int, 0), MemberSpec::at("m", int, 4)];
    let plain = w.structure("plain", 8, &twice);
    let inner = w.structure("", 4, &[MemberSpec::at("m", int, 0)]);
    let one_inside = [MemberSpec::at("", inner, 0), MemberSpec::at("m", int, 4)];
    let one_inside = w.structure("one_inside", 8, &one_inside);
    let both_inside = [MemberSpec::at("", inner, 0), MemberSpec::at("", inner, 4)];
    let both_inside = w.structure("both_inside", 8, &both_inside);

    let blob = w.blob();
    let btf = Btf::parse(&blob).unwrap();
    for id in [plain, one_inside, both_inside] {
        let error = btf.member(id, "m").unwrap_err();
        let expected = format!("type [{id}] has more than one `m`");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_enumerator_that_is_there_twice_is_an_error() {
    let mut w = Writer::new();
    w.enumeration("narrow", &[("A", 1), ("B", 2), ("A", 1)]);
    w.enumeration64("wide", &[("A", 1), ("A", 3)]);
    let blob = w.blob();
    let btf = Btf::parse(&blob).unwrap();
    assert_eq!(btf.enumerator("narrow", "B"), Ok(vec![Some(2)]));
    for name in ["narrow", "wide"] {
        let error = btf.enumerator(name, "A").unwrap_err().to_string();
        assert!(error.ends_with("has more than one `A`"), "{error}");
    }
}

#[test]
fn more_of_anything_than_a_kernel_has_is_an_error() {
    let mut w = Writer::new();
    let int = w.int("int", 4, true);
    w.function("wide", int, &[("n", int); 128]);
    for _ in 0..65 {
        w.structure("s", 4, &[]);
    }
    let blob = w.blob();
    let btf = Btf::parse(&blob).unwrap();
    assert_eq!(
        btf.structs("s").unwrap_err().to_string(),
        "65 definitions of s, expected at most 64"
    );
    assert_eq!(
        btf.prototypes("wide").unwrap_err().to_string(),
        "128 parameters of function prototype [2], expected at most 127"
    );
}

#[test]
fn what_is_cut_short_is_named() {
    let mut w = Writer::new();
    w.int("int", 4, true);
    let blob = w.blob();
    let error = |blob: &[u8]| Btf::parse(blob).unwrap_err().to_string();
    assert_eq!(
        error(&blob[..10]),
        "BTF is cut short: the header needs bytes 0..24, only 10 are there"
    );
    assert_eq!(
        error(&blob[..43]),
        "BTF is cut short: the string section needs bytes 40..45, only 43 are there"
    );
    let mut short_header = blob.clone();
    short_header[4] = 20;
    assert_eq!(
        error(&short_header),
        "BTF is cut short: the header needs bytes 0..24, only 20 are there"
    );
    let mut short_types = blob.clone();
    short_types[12] = 14;
    assert_eq!(
        error(&short_types),
        "BTF is cut short: a type needs bytes 0..16, only 14 are there"
    );
}

#[test]
fn a_wrong_header_is_named() {
    let good = Writer::new().blob();
    let parse = |at: usize, byte: u8| {
        let mut blob = good.clone();
        blob[at] = byte;
        Btf::parse(&blob).unwrap_err()
    };
    assert_eq!(parse(0, 0x7f), BtfError::Magic { found: 0xeb7f });
    assert_eq!(parse(2, 2), BtfError::Version { found: 2 });
    let mut swapped = good.clone();
    swapped.swap(0, 1);
    assert_eq!(Btf::parse(&swapped).unwrap_err(), BtfError::BigEndian);
}

#[test]
fn a_name_outside_the_strings_is_an_error() {
    let mut w = Writer::new();
    w.raw(1000, 4 << 24, 0, &[]);
    assert_eq!(
        Btf::parse(&w.blob()).unwrap_err(),
        BtfError::NoSuchString {
            offset: 1000,
            end: 1
        }
    );
}

#[test]
fn a_type_that_does_not_exist_is_an_error() {
    let mut w = Writer::new();
    let dangling = w.pointer(TypeId(77));
    let blob = w.blob();
    let btf = Btf::parse(&blob).unwrap();
    assert_eq!(
        btf.type_name(dangling).unwrap_err(),
        BtfError::NoSuchType {
            id: TypeId(77),
            count: 2
        }
    );
}

#[test]
fn a_kind_from_the_future_is_skipped_if_the_blob_says_how_long_it_is() {
    let mut w = Writer::new();
    w.raw(0, (20 << 24) | 2, 0, &[1, 2, 3]);
    let int = w.int("int", 4, true);
    w.structure("s", 4, &[MemberSpec::at("m", int, 0)]);

    assert_eq!(
        Btf::parse(&w.blob()).unwrap_err(),
        BtfError::UnknownKind {
            id: TypeId(1),
            kind: 20
        }
    );
    let mut layout = vec![(0, 0); 21];
    layout[20] = (4, 4);
    let blob = w.blob_with_layout(&layout);
    let btf = Btf::parse(&blob).unwrap();
    assert_eq!(btf.structs("s").unwrap().len(), 1);
    assert_eq!(btf.record(TypeId(1)).unwrap().kind, Kind::Unknown(20));
}

/// Asks everything about every type; only that it returns matters.
fn ask_everything(btf: &Btf<'_>) {
    for id in (0..btf.type_count().min(10_000)).map(TypeId) {
        let _ = btf.shape(id);
        let _ = btf.size_of(id);
        let _ = btf.type_name(id);
        let _ = btf.member(id, "deep");
        let _ = btf.record(id).map(|record| btf.name(&record).is_ok());
    }
    for name in ["call", "log", "none", "gpu", "block", "wide"] {
        let _ = btf.structs(name);
        let _ = btf.enumerator(name, "GC");
        for prototype in btf.prototypes(name).unwrap_or_default() {
            let _ = btf.prototype_name(&prototype);
        }
    }
}

fn parse_and_ask(base: &[u8], module: &[u8]) {
    if let Ok(base) = Btf::parse(base) {
        ask_everything(&base);
        if let Ok(module) = Btf::parse_split(module, &base) {
            ask_everything(&module);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(base: Vec<u8>, module: Vec<u8>) {
        parse_and_ask(&base, &module);
    }

    #[test]
    fn random_records_never_panic(types in proptest::collection::vec(
        prop_oneof![0_u32..40, (0_u32..22).prop_map(|kind| (kind << 24) | 1), any::<u32>()], 0..200,
    )) {
        let mut w = Writer::new();
        for row in types.chunks_exact(3) {
            w.raw(row[0], row[1], row[2], &[]);
        }
        let (base, _) = base_and_module();
        parse_and_ask(&w.blob(), &base);
        parse_and_ask(&base, &w.blob());
    }

    #[test]
    fn damaged_blobs_never_panic(
        edits in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<prop::sample::Index>(),
        cut: bool,
    ) {
        let (mut base, mut module) = base_and_module();
        for (in_base, at, byte) in edits {
            let blob = if in_base { &mut base } else { &mut module };
            let at = at.index(blob.len());
            blob[at] = byte;
        }
        if cut {
            module.truncate(keep.index(module.len()));
        }
        parse_and_ask(&base, &module);
    }
}
