/* The next step after an error: by what it says, for those whose words are libvirt's and stay. */
#include "vmsh.h"

typedef struct HintRow {
    const char *pattern;
    const char *hint; /* with \1 of the pattern */
} HintRow;

static const HintRow rows[] = {
    { "Cannot access storage file '([^']*)': No such file",
      "'\\1' is not there: correct what names it, or make it" },
    { "Cannot access storage file '([^']*)'",
      "vmd must be able to read '\\1' and enter its folders" },
    { "disk '([^']*)': another disk has this target",
      "give each <target dev=''> a name of its own: vda, vdb, ..." },
    { "'[^']*' is a folder, not a file", "a disk is an image: name a file in <source>" },
    { "there is no architecture '([^']*)'",
      "'vmsh capabilities --xpath //arch/@name' lists those that there are" },
    { "Opening and ending tag mismatch", "close each element by its own name" },
    { "Missing required element 'name'", "write <name> and a name" },
    { "name '[^']*' has a '/'", "a name is also a file's: leave out the '/'" },
    { "the domain has no memory", "write <memory unit='MiB'>1024</memory>" },
    { "Invalid value for element 'memory'",
      "write a whole number: <memory unit='MiB'>1024</memory>" },
    { "unexpected root element <network>", "'vmsh net-define' takes networks" },
    { "unexpected root element <pool>", "'vmsh pool-define' takes pools" },
    { "unexpected root element <volume>", "'vmsh vol-create' takes volumes" },
    { "unexpected root element", "the document must begin with the element that is expected" },
    { "vcpu: \\d+, machine '[^']*' has (\\d+) at most", "write \\1 or fewer in <vcpu>" },
    { "Expected UUID",
      "leave <uuid> out, and one is made; else it is 32 hexadecimal digits as uuidgen prints them" },
    { "Expected MAC address",
      "leave <mac> out, and one is made; else it is six bytes: 52:54:00:12:34:56" },
    { "is a multicast address", "let the first byte be even: 52:54:00:..." },
    { "[Nn]o network with matching name '([^']*)'",
      "'vmsh net-list --all' shows every network; 'vmsh net-define' makes one" },
    { "[Nn]o storage pool with matching name", "'vmsh pool-list --all' shows every pool" },
    { "task '(\\d+) \\(", "'vmsh jobs' shows how far it is, 'vmsh job-abort \\1' ends it" },
    { "[Nn]o storage vol with matching", "'vmsh vol-list POOL' shows a pool's volumes" },
    { "Cannot check QEMU binary",
      "install it, or leave <emulator> out for the one of the machine's architecture" },
    { "Attempted double use of PCI Address",
      "leave <address> out of one of them, and a free place is found" },
    { "UEFI needs the feature 'acpi'", "write <features><acpi/></features>" },
    { "CPU mode 'host-passthrough'", "that takes type='kvm'; with type='qemu' leave <cpu> out" },
    { "already exists with uuid ([0-9a-f-]+)",
      "to change it write <uuid>\\1</uuid>; to have another one write another <name>" },
    { "domain is already running", "'vmsh domstate DOMAIN' tells what it does" },
    { "domain is not running", "'vmsh start DOMAIN' starts it" },
    { "KiB are more than domain '([^']*)' can have",
      "'vmsh setmaxmem \\1 SIZE --config' raises what it can have from its next start on" },
    { "greater than max allowable vcpus",
      "'vmsh setvcpus DOMAIN N --maximum --config' raises that from the next start on" },
    { "No disk found whose source path or target is", "'vmsh domblklist DOMAIN' lists its disks" },
    { "[Nn]o more available PCI",
      "write more <controller type='pci' model='pcie-root-port'/> before the next start" },
    { "QEMU guest agent is not configured",
      "write <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>" },
    { "QEMU guest agent is not connected", "start qemu-guest-agent in the guest" },
    { "missing storage pool target path", "say where it is: --target FOLDER" },
    { "invalid keycode", "names are as in 'vmsh send-key DOMAIN KEY_ENTER'; numbers go as well" },
    { "Active console session exists", "take it over with --force" },
    { "without a controlling TTY", "run it in a terminal, or 'ssh -t'" },
    { "Failed to open file '[^']*': No such file", "there is no such file here" },
    { "ssh to '([^']*)' ended before",
      "'ssh \\1 vmsh uri' must work: sshd runs there, lets you in, and vmsh is installed" },
    { "the connection to vmd is lost", "'journalctl -u vmd' tells what became of it" },
};

void
hint_by_words(Shell *s, const char *message)
{
    for (gsize i = 0; !s->hint && i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GRegex) regex = g_regex_new(rows[i].pattern, 0, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;

        if (regex && g_regex_match(regex, message, 0, &match))
            s->hint = g_match_info_expand_references(match, rows[i].hint, NULL);
    }
}
