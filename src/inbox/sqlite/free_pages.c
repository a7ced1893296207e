#include "inbox/sqlite/free_pages.h"

#define COUNT_MIN 256 /* so many always stay */
#define FILE_PART 8   /* so does this part of the file */

static int pragma_read(struct writer *writer, enum writer_statement which,
                       uint64_t *value)
{
    sqlite3_stmt *select = writer->statements[which];
    int code = sqlite3_step(select);

    *value = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(select, 0) : 0;
    (void)sqlite3_reset(select); /* repeats the error above */
    return code == SQLITE_ROW ? SQLITE_OK : code;
}

int free_pages_count(struct writer *writer, uint64_t *count)
{
    return pragma_read(writer, WRITER_FREE_COUNT, count);
}

int free_pages_are_many(struct writer *writer, bool *are_many)
{
    uint64_t free_count;
    uint64_t page_count = 0;
    int code = free_pages_count(writer, &free_count);

    if (code == SQLITE_OK) {
        code = pragma_read(writer, WRITER_PAGE_COUNT, &page_count);
    }
    *are_many = code == SQLITE_OK && free_count > COUNT_MIN &&
                free_count > page_count / FILE_PART;
    return code;
}

/* The statement may return a row for each page. */
int free_pages_return(struct writer *writer)
{
    sqlite3_stmt *vacuum = writer->statements[WRITER_RECLAIM];
    int code;

    do {
        code = sqlite3_step(vacuum);
    } while (code == SQLITE_ROW);
    (void)sqlite3_reset(vacuum); /* repeats the error above */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}
