/* What dnsmasq has lent: its file of leases, as dnsmasq(8) writes it. A line is
 *     EXPIRY MAC ADDRESS NAME CLIENT-ID        of IPv4
 *     EXPIRY IAID ADDRESS NAME DUID            of IPv6, after a line "duid SERVER"
 * with * for what is not known. The file is another program's: what is no such line is read over.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "network_priv.h"

#define FILE_MAX (16 << 20)

void
network_lease_free(gpointer data)
{
    NetworkLease *lease = data;

    g_free(lease->mac);
    g_free(lease->iaid);
    g_free(lease->address);
    g_free(lease->hostname);
    g_free(lease->clientid);
    g_free(lease);
}

static char *
known(const char *word)
{
    return strcmp(word, "*") == 0 ? NULL : g_strdup(word);
}

static guint
prefix_of(const NetworkDef *def, gboolean v6)
{
    EACH (const NetworkIp, ip, def->ips)
        if ((network_family(ip->family) == network_family(2)) == v6)
            return (guint)network_prefix(ip->family, ip->address, ip->netmask, ip->prefix,
                                         ip->has_prefix);
    return 0;
}

static NetworkLease *
read_line(const Network *n, const char *text, gboolean v6)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 5);
    NetworkLease *lease;

    if (g_strv_length(words) != 5 || !g_ascii_isdigit(words[0][0]))
        return NULL;
    lease = g_new0(NetworkLease, 1);
    *lease = (NetworkLease){
        .expiry = g_ascii_strtoll(words[0], NULL, 10),
        .v6 = v6,
        .mac = v6 ? NULL : known(words[1]),
        .iaid = v6 ? known(words[1]) : NULL,
        .address = g_strdup(words[2]),
        .hostname = known(words[3]),
        .clientid = known(words[4]),
        .prefix = prefix_of(n->live, v6),
    };
    return lease;
}

static gboolean
is_wanted(const NetworkLease *lease, const char *mac)
{
    gboolean over = lease->expiry > 0 && lease->expiry < (gint64)time(NULL);

    return !over && (!mac || (lease->mac && g_ascii_strcasecmp(lease->mac, mac) == 0));
}

GPtrArray *
network_leases(Network *n, const char *mac, GError **err)
{
    g_autofree char *path = network_state(n, "leases"), *text = NULL;
    g_auto(GStrv) lines = NULL;
    GPtrArray *leases;
    gboolean v6 = FALSE;
    gsize len;

    if (!n->live) {
        fail(err, ERR_OPERATION_INVALID, "network '%s' is not active", n->obj.name);
        return NULL;
    }
    leases = g_ptr_array_new_with_free_func(network_lease_free);
    if (!file_read_regular(path, FILE_MAX, &text, &len, NULL, NULL))
        return leases; /* nothing was lent yet */
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        NetworkLease *lease = read_line(n, *line, v6);
        v6 = v6 || g_str_has_prefix(*line, "duid ");
        if (lease && is_wanted(lease, mac))
            g_ptr_array_add(leases, lease);
        else if (lease)
            network_lease_free(lease);
    }
    return leases;
}
