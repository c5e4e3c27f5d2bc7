/* domain: what libvirt makes of domain XML, element by element; XML that is hostile. */
#include "vm/domain.h"

#include <errno.h>

#include "fault.h"
#include "vm_test.h"

#define DIR "file:/var/lib/libvirt/qemu/ram"

/* A build without it says so. */
static bool has_xml(void)
{
	struct weir_err err = { 0 };
	struct weir_demand demand;
	int r = weir_domain_parse(weir_strz("<domain><name>x</name>"
	                                    "<memory>1024</memory></domain>"),
	                          WEIR_VENDOR_AMD, &demand, &err);

	if (r == 0)
		weir_demand_done(&demand);
	if (r < 0)
		assert_non_null(strstr(err.msg, "libxml2"));
	return r == 0;
}

#define NEEDS_XML()                                                \
	do {                                                       \
		if (!has_xml())                                    \
			skip_because("this build has no libxml2"); \
	} while (0)

/* <memory> alone: its text and unit, and what RAM that is */
static void memory_has_the_units_of_libvirt(void **state)
{
	static const struct {
		const char *memory, *want; /* NULL: refused */
	} cases[] = {
		{ "<memory/>", NULL },
		{ "<memory> </memory>", NULL },
		{ "<memory>0</memory>", NULL },
		{ "<memory>-1</memory>", NULL },
		{ "<memory>1.5</memory>", NULL },
		{ "<memory>0x10</memory>", NULL },
		{ "<memory>1 024</memory>", NULL },
		{ "<memory unit='KiBB'>1</memory>", NULL },
		{ "<memory unit='x'>1</memory>", NULL },
		{ "<memory unit='iB'>1</memory>", NULL },
		{ "<memory unit='kbit'>1</memory>", NULL },
		{ "<memory unit='\x7f'>1</memory>", NULL },
		{ "<memory>9223372036854775808</memory>", NULL },
		{ "<memory unit='b'>9223372036854775808</memory>", NULL },
		{ "<memory unit='E'>18446744073709551615</memory>", NULL },
		{ "<memory unit='PiB'>5</memory>", NULL },
		{ "<memory unit='PiB'>4</memory>", "4P" },
		{ "<memory>1</memory>", "1M" }, /* rounded up */
		{ "<memory>\n 4194304 \n</memory>", "4G" },
		{ "<memory>41<!-- x -->94304</memory>", "4G" },
		{ "<memory><![CDATA[4194304]]></memory>", "4G" },
		{ "<memory>&#x34;194304</memory>", "4G" },
		{ "<memory unit=''>4194304</memory>", "4G" },
		{ "<memory unit='b'>1048577</memory>", "2M" },
		{ "<memory unit='bytes'>1048576</memory>", "1M" },
		{ "<memory unit='BYTE'>1048576</memory>", "1M" },
		{ "<memory unit='k'>1024</memory>", "1M" },
		{ "<memory unit='KB'>1048</memory>", "1M" },
		{ "<memory unit='KB'>1049</memory>", "2M" },
		{ "<memory unit='MB'>1048576</memory>", "1000000M" },
		{ "<memory unit='m'>3</memory>", "3M" },
		{ "<memory unit='mib'>3</memory>", "3M" },
		{ "<memory unit='GiB'>3</memory>", "3G" },
		{ "<memory unit='TB'>1</memory>", "953675M" },
		{ "<memory unit='T'>1</memory><memory>1</memory>", "1T" },
	};
	char text[512], want[128];
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	NEEDS_XML();
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		int r;

		(void)snprintf(text, sizeof(text),
		               "<domain type='kvm'>\n<name>n</name>\n%s</domain>",
		               cases[i].memory);
		r = weir_domain_parse(weir_strz(text), WEIR_VENDOR_AMD, &demand, &err);
		if (!cases[i].want) {
			vm_expect_refused(r, &err, "line 3: <memory>: ", text);
			continue;
		}
		if (r < 0)
			fail_msg("%s: %s", text, err.msg);
		(void)snprintf(want, sizeof(want), "n plain %s\npc.ram %s anon\n",
		               cases[i].want, cases[i].want);
		vm_expect(&demand, want, text);
		weir_demand_done(&demand);
	}
}

#define HEAD "<domain type='kvm'><name>n</name><memory unit='G'>4</memory>"
#define CELLS                                                                          \
	"<cpu><numa><cell id='1' memory='2' unit='G' memAccess='shared'/><cell id='0'" \
	" memory='1048576'/></numa></cpu>"

static const struct {
	const char *text, *want; /* behind HEAD, without its end tag */
} domains[] = {
	/* memoryBacking */
	{ "<memoryBacking><hugepages/></memoryBacking>",
	  "n plain 4G\npc.ram 4G huge pages=0 prealloc\n" },
	{ "<memoryBacking><hugepages><page size='4' unit='KiB'/></hugepages>"
	  "</memoryBacking>",
	  "n plain 4G\npc.ram 4G anon\n" },
	{ "<memoryBacking><hugepages><page size='2048'/></hugepages><nosharepages/>"
	  "<access mode='shared'/><discard/></memoryBacking>",
	  "n plain 4G\npc.ram 4G huge pages=2M shared prealloc\n" },
	{ "<memoryBacking><hugepages><page size='1' unit='G' nodeset='0'/></hugepages>"
	  "</memoryBacking>",
	  "n plain 4G\npc.ram 4G huge pages=1G prealloc\n" },
	{ "<memoryBacking><source type='memfd'/></memoryBacking>",
	  "n plain 4G\npc.ram 4G memfd shared\n" },
	{ "<memoryBacking><source type='memfd'/><access mode='private'/><hugepages>"
	  "<page size='2' unit='M'/></hugepages></memoryBacking>",
	  "n plain 4G\npc.ram 4G memfd pages=2M prealloc\n" },
	{ "<memoryBacking><source type='file'/></memoryBacking>",
	  "n plain 4G\npc.ram 4G " DIR "\n" },
	{ "<memoryBacking><access mode='shared'/></memoryBacking>",
	  "n plain 4G\npc.ram 4G " DIR " shared\n" },
	{ "<memoryBacking><source type='anonymous'/><allocation mode='ondemand'/>"
	  "</memoryBacking>",
	  "n plain 4G\npc.ram 4G anon\n" },
	{ "<memoryBacking><allocation mode='immediate' threads='8'/><locked/>"
	  "</memoryBacking>",
	  "n plain 4G locked memlock=unlimited\npc.ram 4G anon prealloc threads=8\n" },
	{ "<memoryBacking><locked/></memoryBacking><memtune><hard_limit unit='KB'>5"
	  "</hard_limit></memtune>",
	  "n plain 4G locked memlock=5000\npc.ram 4G anon\n" },
	{ "<memtune><hard_limit>9007199254740991</hard_limit></memtune>",
	  "n plain 4G memlock=unlimited\npc.ram 4G anon\n" },
	/* cells and where they lie */
	{ CELLS "<memoryBacking><hugepages><page size='1' unit='G' nodeset='1'/><page "
	        "size='2' unit='M'/></hugepages></memoryBacking>",
	  "n plain 3G\nram-node0 1G huge pages=2M prealloc node=0\n"
	  "ram-node1 2G huge pages=1G shared prealloc node=1\n" },
	{ CELLS "<memoryBacking><hugepages><page size='1' unit='G' nodeset='1'/>"
	        "</hugepages></memoryBacking>",
	  "n plain 3G\nram-node0 1G anon node=0\n"
	  "ram-node1 2G huge pages=1G shared prealloc node=1\n" },
	{ CELLS "<numatune><memory nodeset='0-3,^2,5'/></numatune>",
	  "n plain 3G cpuset=2b\nram-node0 1G anon bind:2b node=0\n"
	  "ram-node1 2G " DIR " shared bind:2b node=1\n" },
	{ CELLS "<numatune><memory mode='strict' nodeset='0-1'/><memnode cellid='1' "
	        "mode='preferred' nodeset='1'/></numatune>",
	  "n plain 3G cpuset=3\nram-node0 1G anon bind:3 node=0\n"
	  "ram-node1 2G " DIR " shared prefer:2 node=1\n" },
	{ CELLS "<numatune><memnode cellid='0' nodeset='7'/></numatune>",
	  "n plain 3G\nram-node0 1G anon bind:80 node=0\n"
	  "ram-node1 2G " DIR " shared node=1\n" },
	{ "<numatune><memory mode='interleave' nodeset=' 0 , 1 '/></numatune>",
	  "n plain 4G task=3:3\npc.ram 4G anon interleave:3\n" },
	{ "<numatune><memory mode='restrictive' nodeset='63'/></numatune>",
	  "n plain 4G cpuset=8000000000000000\npc.ram 4G anon\n" },
	{ "<numatune><memory placement='auto'/></numatune>",
	  "n plain 4G notes=1\npc.ram 4G anon\n" },
	/* confidential ones; a policy is hexadecimal with and without 0x */
	{ "<launchSecurity type='sev'><policy>0x0045</policy></launchSecurity>",
	  "n CSV3 4G policy=45\npc.ram 4G anon\n" },
	{ "<launchSecurity type='sev'><policy>0003</policy></launchSecurity>",
	  "n CSV1 4G policy=3\npc.ram 4G anon\n" },
	{ "<launchSecurity type='sev-snp'><policy>0x30000</policy></launchSecurity>",
	  "n SNP 4G policy=30000\npc.ram 4G anon\n" },
	{ "<launchSecurity type='tdx'><policy>0x10000000</policy>"
	  "<quoteGenerationService/></launchSecurity>",
	  "n TDX 4G policy=0\npc.ram 4G anon\n" },
	{ "<launchSecurity type='s390-pv'/>",
	  "n plain 4G policy=0 notes=1\npc.ram 4G anon\n" },
	/* devices */
	{ "<devices><hostdev mode='subsystem' type='pci'/><hostdev mode='subsystem' "
	  "type='mdev' model='vfio-pci'/><hostdev mode='subsystem' type='mdev' "
	  "model='vfio-ap'/><hostdev mode='subsystem' type='usb'/><hostdev "
	  "mode='capabilities' type='pci'/><interface type='hostdev'/><interface "
	  "type='vdpa'/><interface type='network'/><memballoon model='virtio' "
	  "freePageReporting='on'/></devices>",
	  "n plain 4G vfio=4 reporting\npc.ram 4G anon\n" },
	/* without cells <memory> holds the devices too */
	{ "<devices><memory model='dimm'><target><size unit='G'>1</size><node>0</node>"
	  "</target></memory><memory model='dimm' access='shared'><source><pagesize>2048"
	  "</pagesize><nodemask>1-2</nodemask></source><target><size "
	  "unit='M'>512</size></target></memory></devices>",
	  "n plain 2560M\npc.ram 2560M anon\nmemdimm0 1G anon node=0 device whole\n"
	  "memdimm1 512M huge pages=2M shared prealloc bind:6 device whole\n" },
	{ CELLS
	  "<memoryBacking><hugepages/><allocation mode='immediate'/></memoryBacking>"
	  "<devices><memory model='virtio-mem'><target><size unit='M'>512</size><node>1"
	  "</node><block>2048</block><requested unit='M'>128</requested><current>0"
	  "</current></target></memory><memory model='nvdimm'><source><path>/n</path>"
	  "</source><target><size unit='G'>1</size><node>0</node></target></memory>"
	  "<memory model='sgx-epc'><target><size>1024</size></target></memory></devices>",
	  "n plain 3G notes=1\nram-node0 1G huge pages=0 prealloc node=0\n"
	  "ram-node1 2G huge pages=0 shared prealloc node=1\n"
	  "memvirtiomem0 512M huge pages=0 shared noreserve node=1 device whole "
	  "requested=128M block=2M device-prealloc\nmemnvdimm0 1G file:/n prealloc "
	  "node=0 device\n" },
	/* half known */
	{ "<currentMemory unit='G'>2</currentMemory><maxMemory slots='2' "
	  "unit='G'>8</maxMemory>",
	  "n plain 4G notes=1\npc.ram 4G anon\n" },
	{ "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg "
	  "value='-m'/></q:commandline><metadata><x:y xmlns:x='u'/></metadata>",
	  "n plain 4G notes=1\npc.ram 4G anon\n" },
	/* another namespace's <memoryBacking> is not ours */
	{ "<memoryBacking xmlns='urn:x'><hugepages/></memoryBacking>",
	  "n plain 4G notes=1\npc.ram 4G anon\n" },
};

static char *domain_text(const char *inner)
{
	char *text;

	assert_true(asprintf(&text, "%s%s</domain>", HEAD, inner) > 0);
	return text;
}

static void domains_come_out_as_libvirt_makes_them(void **state)
{
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	NEEDS_XML();
	for (size_t i = 0; i < WEIR_NELEM(domains); i++) {
		weir_auto(weir_freep) char *text = domain_text(domains[i].text);
		int r = weir_domain_parse(weir_strz(text), WEIR_VENDOR_HYGON, &demand,
		                          &err);

		if (r < 0)
			fail_msg("%s: %s", text, err.msg);
		vm_expect(&demand, domains[i].want, text);
		weir_demand_done(&demand);
	}
}

static void status_of_libvirt_has_the_pid(void **state)
{
	static const char text[] =
		"<domstatus state='running' reason='booted' pid='4711'>\n<qemuCaps/>\n"
		"<domain type='kvm' id='3'><name>a b</name><memory "
		"unit='MiB'>64</memory></domain></domstatus>";
	struct weir_demand demand;

	(void)state;
	NEEDS_XML();
	expect_int_eq(weir_domain_parse(weir_strz(text), WEIR_VENDOR_AMD, &demand, NULL),
	              0);
	vm_expect(&demand, "a b plain 64M pid=4711\npc.ram 64M anon\n", text);
	weir_demand_done(&demand);
}

static void wrong_elements_are_named(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "<memoryBacking><hugepages><page/></hugepages></memoryBacking>",
		  "<page>: has no size" },
		{ "<memoryBacking><hugepages><page "
		  "size='3M'/></hugepages></memoryBacking>",
		  "<page>: '3M' is no number" },
		{ "<memoryBacking><hugepages><page "
		  "size='3'/></hugepages></memoryBacking>",
		  "<page>: size 3 is no power of two" },
		{ "<memoryBacking><hugepages><page size='2048'/><page size='4096'/>"
		  "</hugepages></memoryBacking>",
		  "a guest node has two page sizes" },
		{ CELLS "<memoryBacking><hugepages><page size='2048' nodeset='2'/>"
		        "</hugepages></memoryBacking>",
		  "guest nodes that there are not" },
		{ "<memoryBacking><source type='disk'/></memoryBacking>",
		  "<source>: type='disk'" },
		{ "<memoryBacking><access mode='x'/></memoryBacking>",
		  "<access>: mode='x'" },
		{ "<memoryBacking><allocation mode='now'/></memoryBacking>",
		  "<allocation>: mode='now'" },
		{ "<memoryBacking><allocation threads='-1'/></memoryBacking>",
		  "<allocation>: threads='-1'" },
		{ "<cpu><numa><cell id='0'/></numa></cpu>", "<cell>: has no memory" },
		{ "<cpu><numa><cell id='1' memory='1'/></numa></cpu>",
		  "<numa>: cells are numbered from 0" },
		{ "<cpu><numa><cell id='0' memory='1'/><cell id='0' "
		  "memory='1'/></numa></cpu>",
		  "<cell>: id 0 occurs twice" },
		{ "<cpu><numa><cell id='64' memory='1'/></numa></cpu>",
		  "<cell>: '64' is no node" },
		{ "<numatune><memory nodeset=''/></numatune>", "without nodes" },
		{ "<numatune><memory nodeset='1,^1'/></numatune>", "without nodes" },
		{ "<numatune><memory nodeset='3-1'/></numatune>", "goes downwards" },
		{ "<numatune><memory nodeset='64'/></numatune>", "'64' is no node" },
		{ "<numatune><memory nodeset='a'/></numatune>", "'a' is no node" },
		{ "<numatune><memory mode='any' nodeset='0'/></numatune>", "mode='any'" },
		{ "<numatune><memnode cellid='0' nodeset='0'/></numatune>",
		  "<memnode>: cellid 0 is no cell" },
		{ CELLS "<numatune><memnode cellid='0'/></numatune>", "lacks cellid" },
		{ "<launchSecurity type='sev'/>", "<launchSecurity>: has no <policy>" },
		{ "<launchSecurity type='sev'><policy>x</policy></launchSecurity>",
		  "<policy>: 'x' is no hexadecimal number" },
		{ "<maxMemory>1</maxMemory>", "<maxMemory>: is less" },
		{ "<memtune><hard_limit unit='E'>99</hard_limit></memtune>",
		  "<hard_limit>: 99 is too large" },
		{ "<devices><memory model='dimm'/></devices>",
		  "<memory>: has no <target><size>" },
		{ "<devices><memory model='dimm'><target><size>8388608</size></target>"
		  "</memory></devices>",
		  "<memory>: not more than what its memory devices have" },
		{ "<devices><memory model='nvdimm'/></devices>",
		  "has no <source><path>" },
		{ CELLS "<devices><memory model='dimm'><target><size>1</size><node>2"
		        "</node></target></memory></devices>",
		  "<node>: there is no guest node 2" },
		{ "<devices><memory model='virtio-mem'><target><size>1</size></target>"
		  "</memory></devices>",
		  "has no <target><requested>" },
		{ "<devices><memory model='virtio-mem'><target><size unit='M'>4</size>"
		  "<block unit='M'>2</block><requested unit='M'>1</requested></target>"
		  "</memory></devices>",
		  "<requested>: is no multiple" },
		{ "<devices><memory model='virtio-mem'><target><size unit='M'>4</size>"
		  "<block unit='M'>3</block><requested>0</requested></target>"
		  "</memory></devices>",
		  "<block>: no power of two of at least 1 MiB" },
		{ "<devices><memory model='virtio-mem'><target><size unit='M'>4</size>"
		  "<block>512</block><requested>0</requested></target>"
		  "</memory></devices>",
		  "<block>: no power of two of at least 1 MiB" },
		{ "<devices><memory model='virtio-mem'><target><size unit='M'>4</size>"
		  "<requested unit='M'>5</requested></target></memory></devices>",
		  "<requested>: is more than <size>" },
	};
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	NEEDS_XML();
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_freep) char *text = domain_text(cases[i].text);

		vm_expect_refused(weir_domain_parse(weir_strz(text), WEIR_VENDOR_AMD,
		                                    &demand, &err),
		                  &err, cases[i].words, text);
		assert_non_null(strstr(err.msg, "line 1: "));
	}
}

static void wrong_xml_is_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "XML" },
		{ " ", "XML" },
		{ "x", "XML" },
		{ "<domain>", "line 1" },
		{ "<domain>\n<name>x</nam></domain>", "line 2" },
		{ "<domain/><domain/>", "XML" },
		{ "<domain a='1' a='2'/>", "redefined" },
		{ "<domain>&x;</domain>", "'x' not defined" },
		{ "<domain>\xff</domain>", "line 1" },
		{ "<domain>\x01</domain>", "line 1" },
		{ "<p:domain/>", "Namespace" },
		{ "<!DOCTYPE domain><domain/>", "line 1: a DOCTYPE" },
		{ "<?xml version='1.0'?>\n<!DOCTYPE d SYSTEM 'file:///etc/passwd'>\n"
		  "<domain/>",
		  "a DOCTYPE" },
		{ "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
		  "<domain>&x;</domain>",
		  "a DOCTYPE" },
		{ "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b "
		  "'&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]>"
		  "<domain x='&c;'/>",
		  "a DOCTYPE" },
		{ "<network/>", "<network>: this is no <domain>" },
		{ "<domain xmlns='u'/>", "has no <name>" },
		{ "<domain type='lxc'/>", "type='lxc' is not for QEMU" },
		{ "<domain/>", "has no <name>" },
		{ "<domain><name/></domain>", "<name>: a name has" },
		{ "<domain><name>x</name></domain>", "has no <memory>" },
		{ "<domstatus/>", "has no <domain>" },
		{ "<domstatus pid='x'><domain/></domstatus>", "pid='x'" },
	};
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	NEEDS_XML();
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		vm_expect_refused(weir_domain_parse(weir_strz(cases[i].text),
		                                    WEIR_VENDOR_AMD, &demand, &err),
		                  &err, cases[i].words, cases[i].text);
	/* a NUL ends nothing */
	expect_int_eq(weir_domain_parse(weir_str("<domain/>\0", 10), WEIR_VENDOR_AMD,
	                                &demand, &err),
	              -EBADMSG);
}

/* @piece as often as goes into the limit, and once more than that. */
static void too_much_is_refused(void **state)
{
	static const char *const pieces[] = { "<a>", "<a/>", "<a b=''/>", "x" };
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	NEEDS_XML();
	for (size_t i = 0; i < WEIR_NELEM(pieces); i++) {
		struct weir_buf text = { 0 };

		assert_int_equal(weir_buf_addz(&text, "<domain>"), 0);
		while (text.n <= (1U << 20) - (i < 3 ? 16 : 0))
			assert_int_equal(weir_buf_addz(&text, pieces[i]), 0);
		expect_int_eq(weir_domain_parse(weir_buf_str(&text), WEIR_VENDOR_AMD,
		                                &demand, &err),
		              -E2BIG);
		weir_buf_done(&text);
	}
}

static int parse_again(void *ctx)
{
	struct weir_demand demand;
	struct weir_err err;
	int r = weir_domain_parse(weir_strz(ctx), WEIR_VENDOR_AMD, &demand, &err);

	if (r == 0)
		weir_demand_done(&demand);
	return r;
}

static void failed_allocations_come_out(void **state)
{
	(void)state;
	NEEDS_XML();
	for (size_t i = 0; i < WEIR_NELEM(domains); i++) {
		weir_auto(weir_freep) char *text = domain_text(domains[i].text);

		expect_int_eq(fault_every(parse_again, text), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_has_the_units_of_libvirt),
		cmocka_unit_test(domains_come_out_as_libvirt_makes_them),
		cmocka_unit_test(status_of_libvirt_has_the_pid),
		cmocka_unit_test(wrong_elements_are_named),
		cmocka_unit_test(wrong_xml_is_refused),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(failed_allocations_come_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
