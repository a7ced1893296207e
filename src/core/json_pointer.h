/* placeholder: owner defines struct json_pointer (RFC 6901, compiled). */
