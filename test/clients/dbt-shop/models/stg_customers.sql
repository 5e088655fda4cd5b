select id, email, city from {{ ref('customers') }}
