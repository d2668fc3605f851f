/* Which word somebody probably meant: by how many letters must be changed, added, left out or
 * swapped with their neighbour. Pure. */
#include "base/base.h"

#include <string.h>

enum { LONGEST = 64 };

guint
word_distance(const char *a, const char *b)
{
    guint rows[3][LONGEST + 1] = { 0 };
    gsize n = strlen(a), m = strlen(b);

    if (n > LONGEST || m > LONGEST)
        return G_MAXUINT;
    for (gsize j = 0; j <= m; j++)
        rows[0][j] = (guint)j;
    for (gsize i = 1; i <= n; i++) {
        guint *now = rows[i % 3], *before = rows[(i + 2) % 3], *two = rows[(i + 1) % 3];

        now[0] = (guint)i;
        for (gsize j = 1; j <= m; j++) {
            guint cost = g_ascii_tolower(a[i - 1]) != g_ascii_tolower(b[j - 1]);

            now[j] = MIN(MIN(before[j] + 1, now[j - 1] + 1), before[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = MIN(now[j], two[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

const char *
nearest_word(const char *text, const char *const *words)
{
    guint least = (guint)MAX(strlen(text) / 3, 1) + 1;
    const char *best = NULL;

    for (; *words; words++) {
        guint distance = word_distance(text, *words);

        if (distance < least && distance < strlen(*words)) {
            least = distance;
            best = *words;
        }
    }
    return best;
}
