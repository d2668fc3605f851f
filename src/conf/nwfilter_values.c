/* The values of a filter's rules: each kind is a function that gives the spelling that is kept, or
 * NULL for what is none. */
#include "nwfilter_values.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef char *(*Spelling)(const char *text);

/* ---- variables */

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

/* "$NAME", "$NAME[3]": the fourth of its values; "$NAME[@1]": all of them, in step with other
 * variables that have the same number. */
static char *
spell_variable(const char *text)
{
    gsize name = 1 + strspn(text + 1, NAME_CHARS);
    const char *at = text + name;
    gboolean in_step;
    guint64 n;
    char *end;

    if (!*at)
        return g_strdup(text);
    if (*at != '[')
        return NULL;
    at += 1 + strspn(at + 1, " ");
    in_step = *at == '@';
    at += in_step;
    if (!g_ascii_isdigit(*at))
        return NULL;
    n = g_ascii_strtoull(at, &end, 10);
    end += strspn(end, " ");
    if (n > G_MAXUINT32 || *end != ']' || end[1 + strspn(end + 1, " ")])
        return NULL;
    if (in_step && n == 0) /* what all are without a number */
        return g_strndup(text, name);
    return g_strdup_printf("%.*s[%s%" G_GUINT64_FORMAT "]", (int)name, text, in_step ? "@" : "", n);
}

static gboolean
take(const char *text, gpointer at, Spelling spell)
{
    char *value = *text == '$' ? spell_variable(text) : spell(text);

    if (!value)
        return FALSE;
    g_free(*(char **)at);
    *(char **)at = value;
    return TRUE;
}

#define VALUE(kind, name)                                                                          \
    static gboolean kind##_parse(const Field *f, const char *text, gpointer at, GError **err)      \
    {                                                                                              \
        return take(text, at, spell_##kind);                                                       \
    }                                                                                              \
    const FieldType filter_##kind = { name, NULL,       sizeof(char *), kind##_parse, text_format, \
                                      NULL, text_clear, text_copy,      text_equal }

/* ---- numbers */

/* As C reads it: a minus counts down from 2^32. */
static gboolean
read_number(const char *text, int base, guint64 *ret_n)
{
    guint64 n;
    char *end;

    errno = 0;
    n = strtoull(text, &end, base);
    if (end == text || *end || errno)
        return FALSE;
    if (n > G_MAXUINT64 - G_MAXUINT32)
        n = (guint32)n;
    *ret_n = n;
    return TRUE;
}

static char *
spell_number(const char *text, guint64 most)
{
    guint64 n;

    if (read_number(text, 10, &n) && n <= most)
        return g_strdup_printf("%" G_GUINT64_FORMAT, n);
    if (read_number(text, 16, &n) && n <= most)
        return g_strdup_printf("0x%" G_GINT64_MODIFIER "x", n);
    return NULL;
}

#define NUMBER(kind, most, name)                                                                   \
    static char *spell_##kind(const char *text)                                                    \
    {                                                                                              \
        return spell_number(text, most);                                                           \
    }                                                                                              \
    VALUE(kind, name)

NUMBER(u8, 255, "number to 255");
NUMBER(u16, 65535, "number to 65535");
NUMBER(u32, G_MAXUINT32, "number to 4294967295");
NUMBER(vlan_id, 4095, "number to 4095");
NUMBER(dscp, 63, "number to 63");

static char *
spell_limit(const char *text)
{
    guint64 n;

    return read_number(text, 10, &n) && n <= 65535 ? g_strdup_printf("%u", (guint)n) : NULL;
}
VALUE(limit, "decimal number to 65535");

/* ---- numbers with names */

typedef struct NamedNumber {
    const char *word;
    guint number;
} NamedNumber;

static const NamedNumber *
named_find(const NamedNumber *names, const char *word, guint64 number)
{
    for (; names->word; names++)
        if (word ? g_ascii_strcasecmp(names->word, word) == 0 : names->number == number)
            return names;
    return NULL;
}

/* *ret_number is written also where the text is a word. */
static char *
spell_named(const char *text, const NamedNumber *names, guint64 least, guint64 most,
            guint64 *ret_number)
{
    const NamedNumber *named = named_find(names, text, 0);
    char *spelling = named ? NULL : spell_number(text, most);

    if (!named && !spelling)
        return NULL;
    *ret_number = named ? named->number : g_ascii_strtoull(spelling, NULL, 0);
    if (!named && (named = named_find(names, NULL, *ret_number)))
        g_clear_pointer(&spelling, g_free);
    if (!named && *ret_number < least)
        g_clear_pointer(&spelling, g_free);
    return named ? g_strdup(named->word) : spelling;
}

static const NamedNumber ethertypes[] = { { "ipv4", 0x800 },  { "arp", 0x806 },
                                          { "rarp", 0x8035 }, { "vlan", 0x8100 },
                                          { "ipv6", 0x86dd }, { 0 } };

static char *
spell_ethertype(const char *text)
{
    guint64 n;

    return spell_named(text, ethertypes, 0x600, 65535, &n);
}
VALUE(ethertype, "type of a frame");

static char *
spell_encap(const char *text)
{
    guint64 n;

    return spell_named(text, ethertypes, 0x3c, 65535, &n);
}
VALUE(encap, "type of a frame in a VLAN");

static const NamedNumber protocols[] = {
    { "icmp", 1 }, { "igmp", 2 },    { "tcp", 6 },    { "udp", 17 },      { "esp", 50 },
    { "ah", 51 },  { "icmpv6", 58 }, { "sctp", 132 }, { "udplite", 136 }, { 0 }
};

static char *
spell_protocol(const char *text)
{
    guint64 n;

    return spell_named(text, protocols, 0, 255, &n);
}
VALUE(protocol, "protocol of IP");

int
filter_protocol_number(const char *text)
{
    g_autofree char *spelling = NULL;
    guint64 n;

    if (!text || *text == '$' || !(spelling = spell_named(text, protocols, 0, 255, &n)))
        return -1;
    return (int)n;
}

static const NamedNumber opcodes[] = { { "Request", 1 },         { "Reply", 2 },
                                       { "Request_Reverse", 3 }, { "Reply_Reverse", 4 },
                                       { "DRARP_Request", 5 },   { "DRARP_Reply", 6 },
                                       { "DRARP_Error", 7 },     { "InARP_Request", 8 },
                                       { "ARP_NAK", 9 },         { 0 } };

static char *
spell_opcode(const char *text)
{
    guint64 n;
    char *spelling = spell_named(text, opcodes, 0, 65535, &n);

    if (!spelling || !g_ascii_isdigit(*spelling))
        return spelling;
    g_free(spelling);
    return g_strdup_printf("%u", (guint)n); /* never hexadecimal */
}
VALUE(opcode, "operation of ARP");

guint64
filter_number(const char *text)
{
    static const NamedNumber *const all[] = { ethertypes, protocols, opcodes };

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        const NamedNumber *named = named_find(all[i], text, 0);
        if (named)
            return named->number;
    }
    return g_ascii_strtoull(text, NULL, 0);
}

/* ---- addresses */

static gboolean
read_mac(const char *text, guint8 ret_mac[6])
{
    for (guint i = 0; i < 6; i++) {
        guint value = 0, digits = 0;

        for (; digits < 3 && g_ascii_isxdigit(*text); digits++)
            value = value * 16 + (guint)g_ascii_xdigit_value(*text++);
        if (digits < 1 || digits > 2 || (i < 5 && *text++ != ':'))
            return FALSE;
        ret_mac[i] = (guint8)value;
    }
    return !text[strspn(text, " \t\n")];
}

static char *
mac_text(const guint8 mac[6])
{
    return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                           mac[5]);
}

/* How many bits are ones before the first zero; -1: there are more after it. */
static int
leading_ones(const guint8 *bytes, guint n)
{
    guint ones = 0;

    while (ones < n * 8 && bytes[ones / 8] & (0x80 >> ones % 8))
        ones++;
    for (guint i = ones; i < n * 8; i++)
        if (bytes[i / 8] & (0x80 >> i % 8))
            return -1;
    return (int)ones;
}

static char *
spell_mac(const char *text)
{
    guint8 mac[6];

    return read_mac(text, mac) ? mac_text(mac) : NULL;
}
VALUE(mac, "MAC address");

static char *
spell_mac_mask(const char *text)
{
    guint8 mac[6];

    return read_mac(text, mac) && leading_ones(mac, sizeof mac) >= 0 ? mac_text(mac) : NULL;
}
VALUE(mac_mask, "mask of a MAC address");

static char *
spell_ip(const char *text)
{
    struct in_addr a;
    char out[INET_ADDRSTRLEN];

    if (strpbrk(text, " \t\n") || !inet_aton(text, &a))
        return NULL;
    return g_strdup(inet_ntop(AF_INET, &a, out, sizeof out));
}
VALUE(ip, "IPv4 address");

static char *
spell_ip6(const char *text)
{
    struct in6_addr a;
    char out[INET6_ADDRSTRLEN];

    if (inet_pton(AF_INET6, text, &a) != 1)
        return NULL;
    return g_strdup(inet_ntop(AF_INET6, &a, out, sizeof out));
}
VALUE(ip6, "IPv6 address");

static char *
spell_mask(const char *text, int family, guint bytes)
{
    guint8 mask[16];
    guint64 n;
    int bits = -1;

    if (read_number(text, 10, &n) && n <= bytes * 8)
        bits = (int)n;
    else if (inet_pton(family, text, mask) == 1)
        bits = leading_ones(mask, bytes);
    return bits < 0 ? NULL : g_strdup_printf("%d", bits);
}

static char *
spell_ip_mask(const char *text)
{
    return spell_mask(text, AF_INET, 4);
}
VALUE(ip_mask, "mask of an IPv4 address");

static char *
spell_ip6_mask(const char *text)
{
    return spell_mask(text, AF_INET6, 16);
}
VALUE(ip6_mask, "mask of an IPv6 address");

/* ---- words */

/* The bits of words that commas and blanks separate; bit i is the i-th of them. */
static gboolean
read_words(const char *text, const char *const *words, guint *ret_bits)
{
    g_auto(GStrv) said = g_strsplit_set(text, ", ", -1);
    guint bits = 0;

    for (char **word = said; *word; word++) {
        guint i = 0;
        while (words[i] && g_ascii_strcasecmp(words[i], *word) != 0)
            i++;
        if (**word && !words[i])
            return FALSE;
        bits |= **word ? 1u << i : 0;
    }
    *ret_bits = bits;
    return TRUE;
}

static char *
words_text(guint bits, const char *const *words)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; words[i]; i++)
        if (bits & 1u << i)
            g_string_append_printf(out, "%s%s", out->len ? "," : "", words[i]);
    return g_string_free(out, FALSE);
}

static char *
spell_state(const char *text)
{
    static const char *const states[] = {
        "NEW", "ESTABLISHED", "RELATED", "INVALID", "NONE", NULL
    };
    const guint none = 1u << 4;
    guint bits;

    if (!read_words(text, states, &bits))
        return NULL;
    return words_text(bits & none ? none : bits, states);
}
VALUE(state, "states of a connection");

static char *
flags_text(const char *text)
{
    static const char *const flags[] = { "FIN", "SYN", "RST",  "PSH", "ACK",
                                         "URG", "ALL", "NONE", NULL };
    const guint all = 0x3f, all_word = 1u << 6;
    guint bits;

    if (!read_words(text, flags, &bits))
        return NULL;
    if (bits & all_word)
        bits = all;
    bits &= all;
    return bits == all ? g_strdup("ALL") : bits ? words_text(bits, flags) : g_strdup("NONE");
}

static char *
spell_flags(const char *text)
{
    g_auto(GStrv) halves = g_strsplit(text, "/", -1);
    g_autofree char *looked_at = NULL, *set = NULL;

    if (g_strv_length(halves) != 2)
        return NULL;
    looked_at = flags_text(halves[0]);
    set = flags_text(halves[1]);
    return looked_at && set ? g_strconcat(looked_at, "/", set, NULL) : NULL;
}
VALUE(flags, "flags of TCP");

static char *
spell_ipset(const char *text)
{
    return text[strspn(text, NAME_CHARS ".:-+ ")] || strlen(text) > 31 ? NULL : g_strdup(text);
}
VALUE(ipset, "name of a set of addresses");

static char *
spell_ipset_dir(const char *text)
{
    g_autofree char *small = g_ascii_strdown(text, -1);
    g_auto(GStrv) said = g_strsplit(small, ",", -1);
    guint n = g_strv_length(said);

    for (char **word = said; *word; word++)
        if (strcmp(*word, "src") != 0 && strcmp(*word, "dst") != 0)
            return NULL;
    return n >= 1 && n <= 6 ? g_steal_pointer(&small) : NULL;
}
VALUE(ipset_dir, "list of src and dst");

static char *
spell_bool(const char *text)
{
    gboolean yes = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "1") == 0;

    return g_strdup(yes ? "true" : "false");
}
VALUE(bool, "true or false");

#define COMMENT_MAX 256

static char *
spell_comment(const char *text)
{
    gsize len = strlen(text);

    while (len > COMMENT_MAX || (len > 0 && (text[len] & 0xc0) == 0x80))
        len--;
    return g_strndup(text, len);
}
VALUE(comment, "text to 256 bytes");

/* Every other word is as none. */
static gboolean
no_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    g_free(*(char **)at);
    *(char **)at = strcmp(text, "no") == 0 ? g_strdup(text) : NULL;
    return TRUE;
}
const FieldType filter_no = { "no", NULL,       sizeof(char *), no_parse,  text_format,
                              NULL, text_clear, text_copy,      text_equal };
