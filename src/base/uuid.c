/* UUIDs: text and bytes. */
#include "base.h"

#include <string.h>
#include <sys/random.h>

void
uuid_format(const guint8 uuid[UUID_LEN], char ret_text[UUID_TEXT_LEN])
{
    static const char hex[] = "0123456789abcdef";
    char *out = ret_text;

    for (int i = 0; i < UUID_LEN; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[uuid[i] >> 4];
        *out++ = hex[uuid[i] & 15];
    }
    *out = '\0';
}

gboolean
uuid_parse(const char *text, guint8 ret_uuid[UUID_LEN])
{
    guint8 uuid[UUID_LEN];

    while (g_ascii_isspace(*text))
        text++;
    for (int i = 0; i < UUID_LEN; i++) {
        if (*text == '-')
            text++;
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]))
            return FALSE;
        uuid[i] = (guint8)(g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]));
        text += 2;
    }
    while (g_ascii_isspace(*text))
        text++;
    if (*text != '\0')
        return FALSE;
    memcpy(ret_uuid, uuid, UUID_LEN);
    return TRUE;
}

void
uuid_make(guint8 ret_uuid[UUID_LEN])
{
    /* getrandom(2) of 16 bytes cannot be short or interrupted once the pool is up. */
    if (getrandom(ret_uuid, UUID_LEN, 0) != UUID_LEN)
        for (int i = 0; i < UUID_LEN; i++)
            ret_uuid[i] = (guint8)g_random_int();
    ret_uuid[6] = (ret_uuid[6] & 0x0f) | 0x40;
    ret_uuid[8] = (ret_uuid[8] & 0x3f) | 0x80;
}

void
uuid_of_text(const char *text, guint8 ret_uuid[UUID_LEN])
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 digest[20];
    gsize len = sizeof digest;

    g_checksum_update(sum, (const guint8 *)text, -1);
    g_checksum_get_digest(sum, digest, &len);
    memcpy(ret_uuid, digest, UUID_LEN);
    ret_uuid[6] = (ret_uuid[6] & 0x0f) | 0x50; /* RFC 4122 version 5: of a name */
    ret_uuid[8] = (ret_uuid[8] & 0x3f) | 0x80;
}

gboolean
uuid_is_zero(const guint8 uuid[UUID_LEN])
{
    static const guint8 zero[UUID_LEN];

    return memcmp(uuid, zero, UUID_LEN) == 0;
}
