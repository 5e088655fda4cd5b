select city, count(*) as customers, max(email) as last_email from {{ ref('stg_customers') }} group by city
