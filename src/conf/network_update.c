/* One element of a network's definition more, less, or another. A section is a row: where its list
 * is, how an element is read, and which of those that are there it means. libvirt's page on
 * virNetworkUpdate says what the commands and sections are.
 */
#include <string.h>

#include "conf.h"
#include "lists.h"

enum { COMMAND_MODIFY = 1, COMMAND_DELETE, COMMAND_ADD_LAST, COMMAND_ADD_FIRST, N_COMMANDS };

typedef struct Section {
    const char *what; /* for messages; NULL: a section that cannot be changed */
    const Schema *schema;
    /* The list that holds its elements; NULL with an error when there is no place for them. */
    GPtrArray **(*list)(NetworkDef *def, int parent, gconstpointer item, GError **err);
    gboolean (*same)(gconstpointer have, gconstpointer want);
    char *(*tell)(gconstpointer want); /* for the message of what was not found; may be NULL */
    gboolean twice;                    /* an element that is there already may be added again */
} Section;

/* ---- places */

/* The address that a DHCP element belongs to: by index, or the first of its family that gives out
 * addresses, else the first of its family. */
static NetworkIp *
find_ip(NetworkDef *def, int parent, GError **err)
{
    NetworkIp *found = NULL;

    if (parent >= 0) {
        found = list_item(def->ips, (guint)parent);
        if (!found)
            fail(
                err, ERR_OPERATION_INVALID,
                "couldn't update dhcp host entry - no <ip> element found at index %d in network '%s'",
                parent, def->name);
        return found;
    }
    EACH (NetworkIp, ip, def->ips)
        if (network_family(ip->family) == network_family(0) &&
            (!found || (!found->dhcp && ip->dhcp)))
            found = ip;
    if (!found)
        fail(err, ERR_OPERATION_INVALID,
             "couldn't update dhcp host entry - no <ip> element found in network '%s'", def->name);
    return found;
}

static DhcpDef *
find_dhcp(NetworkDef *def, int parent, GError **err)
{
    NetworkIp *ip = find_ip(def, parent, err);

    if (ip && !ip->dhcp)
        ip->dhcp = g_new0(DhcpDef, 1);
    return ip ? ip->dhcp : NULL;
}

static GPtrArray **
hosts_of(NetworkDef *def, int parent, gconstpointer item, GError **err)
{
    DhcpDef *dhcp = find_dhcp(def, parent, err);

    return dhcp ? &dhcp->hosts : NULL;
}

static GPtrArray **
ranges_of(NetworkDef *def, int parent, gconstpointer item, GError **err)
{
    DhcpDef *dhcp = find_dhcp(def, parent, err);

    return dhcp ? &dhcp->ranges : NULL;
}

static GPtrArray **
interfaces_of(NetworkDef *def, int parent, gconstpointer item, GError **err)
{
    if (def->forward)
        return &def->forward->interfaces;
    fail(err, ERR_OPERATION_INVALID,
         "cannot change the interfaces of network '%s': it forwards nothing", def->name);
    return NULL;
}

static GPtrArray **
portgroups_of(NetworkDef *def, int parent, gconstpointer item, GError **err)
{
    return &def->portgroups;
}

static DnsDef *
need_dns(NetworkDef *def)
{
    if (!def->dns)
        def->dns = g_new0(DnsDef, 1);
    return def->dns;
}

static GPtrArray **
dns_hosts_of(NetworkDef *def, int parent, gconstpointer item, GError **err)
{
    return &need_dns(def)->hosts;
}

static GPtrArray **
txts_of(NetworkDef *def, int parent, gconstpointer item, GError **err)
{
    return &need_dns(def)->txts;
}

static GPtrArray **
srvs_of(NetworkDef *def, int parent, gconstpointer item, GError **err)
{
    return &need_dns(def)->srvs;
}

/* ---- which one is meant */

static gboolean
says(const char *have, const char *want)
{
    return want && g_strcmp0(have, want) == 0;
}

static gboolean
same_host(gconstpointer a, gconstpointer b)
{
    const DhcpHost *have = a, *want = b;

    return (want->mac && have->mac && g_ascii_strcasecmp(have->mac, want->mac) == 0) ||
           says(have->id, want->id) || says(have->name, want->name) || says(have->ip, want->ip);
}

static gboolean
same_range(gconstpointer a, gconstpointer b)
{
    const DhcpRange *have = a, *want = b;

    return g_strcmp0(have->start, want->start) == 0 && g_strcmp0(have->end, want->end) == 0;
}

static gboolean
same_interface(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(((const ForwardInterface *)a)->dev, ((const ForwardInterface *)b)->dev) == 0;
}

static gboolean
same_portgroup(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(((const Portgroup *)a)->name, ((const Portgroup *)b)->name) == 0;
}

static gboolean
same_dns_host(gconstpointer a, gconstpointer b)
{
    const DnsHost *have = a, *want = b;

    if (says(have->ip, want->ip))
        return TRUE;
    for (char **name = want->names; !want->ip && name && *name; name++)
        if (have->names && g_strv_contains((const char *const *)have->names, *name))
            return TRUE;
    return FALSE;
}

static gboolean
same_txt(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(((const DnsTxt *)a)->name, ((const DnsTxt *)b)->name) == 0;
}

/* What `want` leaves out does not count. */
static gboolean
same_srv(gconstpointer a, gconstpointer b)
{
    const DnsSrv *have = a, *want = b;

    return (!want->domain || says(have->domain, want->domain)) &&
           (!want->service || says(have->service, want->service)) &&
           (!want->protocol || says(have->protocol, want->protocol)) &&
           (!want->target || says(have->target, want->target)) &&
           (!want->port || have->port == want->port) &&
           (!want->priority || have->priority == want->priority) &&
           (!want->weight || have->weight == want->weight);
}

static char *
tell_host(gconstpointer item)
{
    const DhcpHost *h = item;

    return g_strdup_printf("\"mac='%s'\" \"name='%s'\" \"ip='%s'\"", h->mac ? h->mac : "",
                           h->name ? h->name : "", h->ip ? h->ip : "");
}

/* ---- the sections, by virNetworkUpdateSection */

enum {
    SECTION_HOST = 4,
    SECTION_RANGE,
    SECTION_INTERFACE = 7,
    SECTION_PORTGROUP = 9,
    SECTION_DNS_HOST,
    SECTION_DNS_TXT,
    SECTION_DNS_SRV,
    N_SECTIONS
};

static const Section sections[N_SECTIONS] = {
    [SECTION_HOST] = { "dhcp host", &dhcp_host_schema, hosts_of, same_host, tell_host, FALSE },
    [SECTION_RANGE] = { "dhcp range", &dhcp_range_schema, ranges_of, same_range, NULL, FALSE },
    [SECTION_INTERFACE] = { "forward interface", &forward_interface_schema, interfaces_of,
                            same_interface, NULL, FALSE },
    [SECTION_PORTGROUP] = { "portgroup", &portgroup_schema, portgroups_of, same_portgroup, NULL,
                            FALSE },
    [SECTION_DNS_HOST] = { "DNS HOST", &dns_host_schema, dns_hosts_of, same_dns_host, NULL, FALSE },
    [SECTION_DNS_TXT] = { "DNS TXT", &dns_txt_schema, txts_of, same_txt, NULL, FALSE },
    [SECTION_DNS_SRV] = { "DNS SRV", &dns_srv_schema, srvs_of, same_srv, NULL, FALSE },
};

/* How many are meant, and the place of the last of them. */
static guint
count_same(const Section *s, const GPtrArray *list, gconstpointer want, guint *ret_at)
{
    guint found = 0;

    for (guint i = 0; i < list_length(list); i++) {
        if (s->same(list->pdata[i], want)) {
            *ret_at = i;
            found++;
        }
    }
    return found;
}

static gboolean
missing(const Section *s, const NetworkDef *def, gconstpointer want, guint command, GError **err)
{
    g_autofree char *told = s->tell && command == COMMAND_MODIFY ? s->tell(want) : NULL;
    gboolean record = g_str_has_prefix(s->what, "DNS");

    if (told)
        return fail(err, ERR_OPERATION_INVALID,
                    "couldn't locate an existing %s entry with %s in network '%s'", s->what, told,
                    def->name);
    return fail(err, ERR_OPERATION_INVALID,
                record ? "couldn't locate a matching %s record in network %s"
                       : "couldn't locate a matching %s entry in network '%s'",
                s->what, def->name);
}

static gboolean
change_list(const Section *s, const NetworkDef *def, GPtrArray **list, guint command, gpointer item,
            GError **err)
{
    guint at = 0, found = count_same(s, *list, item, &at);
    gboolean adds = command == COMMAND_ADD_FIRST || command == COMMAND_ADD_LAST;

    if (adds && found > 0)
        return fail(
            err, ERR_OPERATION_INVALID,
            "there is already at least one %s record matching all specified fields in network %s",
            s->what, def->name);
    if (!adds && found == 0)
        return missing(s, def, item, command, err);
    if (!adds && found > 1)
        return fail(err, ERR_OPERATION_INVALID,
                    "multiple %s records matching all specified fields were found in network %s",
                    s->what, def->name);
    if (adds) {
        list_insert(list, command == COMMAND_ADD_FIRST ? 0 : list_length(*list),
                    schema_copy(s->schema, item));
        return TRUE;
    }
    schema_free(s->schema, (*list)->pdata[at]);
    if (command == COMMAND_MODIFY)
        (*list)->pdata[at] = schema_copy(s->schema, item);
    else
        list_remove(list, at);
    return TRUE;
}

/* The attribute dev of <forward> follows the first interface. */
static void
follow_interfaces(NetworkDef *def)
{
    const ForwardInterface *first = def->forward ? list_item(def->forward->interfaces, 0) : NULL;

    if (!def->forward || def->forward->mode < FORWARD_BRIDGE)
        return;
    g_free(def->forward->dev);
    def->forward->dev = first ? g_strdup(first->dev) : NULL;
}

static gboolean
try_update(NetworkDef *copy, const Section *s, guint command, int parent, gpointer item,
           GError **err)
{
    GPtrArray **list = s->list(copy, parent, item, err);

    if (!list || !change_list(s, copy, list, command, item, err))
        return FALSE;
    follow_interfaces(copy);
    return network_check(copy, err);
}

gboolean
network_update(NetworkDef *def, guint command, guint section, int parent_index, const char *xml,
               GError **err)
{
    const Section *s = section < N_SECTIONS && sections[section].what ? &sections[section] : NULL;
    NetworkDef *copy;
    gpointer item;
    gboolean ok;

    if (!s)
        return fail(err, ERR_NO_SUPPORT, "can't update section %u of network '%s'", section,
                    def->name);
    if (command == 0 || command >= N_COMMANDS)
        return fail(err, ERR_INVALID_ARG, "unrecognized network update command code %u", command);
    if (!(item = xml_parse(s->schema, NULL, xml, -1, 0, err)))
        return FALSE;
    copy = network_copy(def);
    ok = try_update(copy, s, command, parent_index, item, err);
    schema_free(s->schema, item);
    if (ok) {
        NetworkDef old = *def;
        *def = *copy;
        *copy = old;
    }
    network_free(copy);
    return ok;
}
