// SPDX-License-Identifier: MIT
// Gives a function of a module one argument more, in its BTF only: the prototype's last parameter is
// there twice. Usage: one_more_argument BTF N, where the prototype is the Nth type in BTF, from 0.
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What follows struct btf_type, for each kind: bytes of its own, and bytes for each element.
static const struct { unsigned own, each; } sizes[NR_BTF_KINDS] = {
	[BTF_KIND_INT] = { 4, 0 },	  [BTF_KIND_ARRAY] = { 12, 0 },
	[BTF_KIND_STRUCT] = { 0, 12 },	  [BTF_KIND_UNION] = { 0, 12 },
	[BTF_KIND_ENUM] = { 0, 8 },	  [BTF_KIND_FUNC_PROTO] = { 0, 8 },
	[BTF_KIND_VAR] = { 4, 0 },	  [BTF_KIND_DATASEC] = { 0, 12 },
	[BTF_KIND_DECL_TAG] = { 4, 0 },	  [BTF_KIND_ENUM64] = { 0, 12 },
};

static void fail(const char *why)
{
	fprintf(stderr, "one_more_argument: %s\n", why);
	exit(1);
}

int main(int argc, char **argv)
{
	static unsigned char btf[64 << 20];
	struct btf_header header;
	struct btf_type type;
	size_t length, at, end;
	FILE *file;

	if (argc != 3 || !(file = fopen(argv[1], "r+b")))
		fail("no such BTF");
	length = fread(btf, 1, sizeof(btf), file);
	memcpy(&header, btf, sizeof(header));
	if (header.magic != BTF_MAGIC || header.str_off != header.type_len)
		fail("not BTF whose strings follow its types");
	at = header.hdr_len + header.type_off;
	end = at + header.type_len;
	for (long n = atol(argv[2]);; n--) {
		if (at + sizeof(type) > end)
			fail("no such type");
		memcpy(&type, btf + at, sizeof(type));
		size_t kind = BTF_INFO_KIND(type.info);
		if (kind >= NR_BTF_KINDS)
			fail("a kind that is not known");
		if (n == 0)
			break;
		at += sizeof(type) + sizes[kind].own + (size_t)sizes[kind].each * BTF_INFO_VLEN(type.info);
	}
	size_t count = BTF_INFO_VLEN(type.info), more = sizeof(struct btf_param);
	if (BTF_INFO_KIND(type.info) != BTF_KIND_FUNC_PROTO || count == 0)
		fail("not a prototype with parameters");
	size_t after = at + sizeof(type) + count * more;
	memmove(btf + after + more, btf + after, length - after);
	memcpy(btf + after, btf + after - more, more);
	type.info++;
	header.type_len += more;
	header.str_off += more;
	memcpy(btf + at, &type, sizeof(type));
	memcpy(btf, &header, sizeof(header));
	rewind(file);
	if (fwrite(btf, 1, length + more, file) != length + more || fclose(file))
		fail("cannot write");
	return 0;
}
