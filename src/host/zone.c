/* Time zones as this host's database has them: a file a zone, which ends in the zone's rules as the
 * environment variable TZ says them. Who is told the rules opens no file. */
#include "host.h"

#include <string.h>

#define ZONES    "/usr/share/zoneinfo"
#define ZONE_MAX (1 << 20)

/* No way out of the folder. */
static gboolean
is_zone_name(const char *name)
{
    return g_ascii_isalpha(name[0]) && !strstr(name, "..") &&
           name[strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_+-/.")] == '\0';
}

/* The last line: "\nCET-1CEST,M3.5.0,M10.5.0/3\n". The first version of the format has none. */
static char *
last_line(const char *data, gsize len)
{
    const char *start;

    if (len < 44 || memcmp(data, "TZif", 4) != 0 || data[4] < '2' || data[len - 1] != '\n' ||
        !(start = memrchr(data, '\n', len - 1)) || start == data + len - 2)
        return NULL;
    return g_strndup(start + 1, (gsize)(data + len - 1 - start - 1));
}

char *
zone_rules(const char *name, GError **err)
{
    g_autofree char *path = g_build_filename(ZONES, name, NULL), *data = NULL;
    gsize len;
    char *rules;

    if (!is_zone_name(name)) {
        fail(err, ERR_CONFIG_UNSUPPORTED, "this host has no time zone '%s'", name);
        return NULL;
    }
    if (!file_read(path, ZONE_MAX, &data, &len, err))
        return NULL;
    if (!(rules = last_line(data, len)))
        fail(err, ERR_CONFIG_UNSUPPORTED, "file %s says no rules of time zone '%s'", path, name);
    return rules;
}
